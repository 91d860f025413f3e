import { SpiderError } from '@spider/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JournalEffect } from '../machine/job-effect.ts';
import { encodeJournalRecords, JournalDecoder } from './journal-record.ts';

const uint32 = fc.nat({ max: 0xffff_ffff });
const attempt = fc.record({
  task: uint32,
  instance: uint32,
  outcome: fc.integer({ min: 1, max: 3 }),
  payload: fc.uint8Array({ maxLength: 20 }),
  started: uint32,
  elapsed: uint32,
  counts: fc.boolean(),
});

const effect = fc
  .record({
    list: fc.array(attempt, { maxLength: 20 }),
    executionManager: fc.maxSafeNat(),
    instanceBase: fc.maxSafeNat(),
    startedBaseMs: fc.maxSafeNat(),
  })
  .map(({ list, ...bases }) => ({
    list: list.filter((one) => one.counts),
    effect: {
      type: 'journal',
      attempts: {
        ...bases,
        taskIndices: list.map((one) => one.task),
        instanceOffsets: list.map((one) => one.instance),
        outcomes: list.map((one) => one.outcome),
        payloadLengths: list.map((one) => one.payload.length),
        payloads: Uint8Array.from(list.flatMap((one) => [...one.payload])),
        startedOffsetsMs: list.map((one) => one.started),
        elapsedUs: list.map((one) => one.elapsed),
      },
      positions: list.flatMap((one, i) => (one.counts ? [i] : [])),
      malformed: new Map(),
    } satisfies JournalEffect,
  }));

test('whatever is journaled comes back the same', () => {
  fc.assert(
    fc.property(effect, ({ list, effect: journaled }) => {
      const decoder = new JournalDecoder();
      const [block] = decoder.push(encodeJournalRecords(journaled));
      decoder.end();
      expect(block).toEqual({
        executionManager: journaled.attempts.executionManager,
        instanceBase: journaled.attempts.instanceBase,
        startedBaseMs: journaled.attempts.startedBaseMs,
        taskIndices: Uint32Array.from(list, (one) => one.task),
        instanceOffsets: Uint32Array.from(list, (one) => one.instance),
        outcomes: Uint8Array.from(list, (one) => one.outcome),
        payloadLengths: Uint32Array.from(list, (one) => one.payload.length),
        payloads: Uint8Array.from(list.flatMap((one) => [...one.payload])),
        startedOffsetsMs: Uint32Array.from(list, (one) => one.started),
        elapsedUs: Uint32Array.from(list, (one) => one.elapsed),
      });
    }),
  );
});

test('a journal with a byte changed is read or refused, nothing else', () => {
  fc.assert(
    fc.property(
      effect,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      ({ effect: one }, at, change) => {
        const journal = encodeJournalRecords(one);
        const index = at % journal.length;
        journal[index] = (journal[index] ?? 0) ^ change;
        const decoder = new JournalDecoder();
        try {
          decoder.push(journal);
          decoder.end();
        } catch (error) {
          expect(error).toBeInstanceOf(SpiderError);
        }
      },
    ),
  );
});
