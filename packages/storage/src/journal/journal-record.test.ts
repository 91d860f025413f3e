import { COMMIT_TASK_INDEX, LIMITS, TaskOutcome } from '@spider/core';
import { describe, expect, test } from 'vitest';
import type { JournalEffect } from '../machine/job-effect.ts';
import type { AttemptColumns } from '../machine/job-event.ts';
import { encodeJournalRecords, JournalDecoder } from './journal-record.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const attempts: AttemptColumns = {
  executionManager: 5,
  taskIndices: [7, COMMIT_TASK_INDEX, 9],
  instanceBase: 2 ** 40,
  instanceOffsets: [0, 0xffff_ffff, 2],
  outcomes: [TaskOutcome.Succeeded, TaskOutcome.Failed, TaskOutcome.FailedForGood],
  payloadLengths: [3, 0, 2],
  payloads: bytes(1, 2, 3, 0x6f, 0x6e),
  startedBaseMs: 1_700_000_000_000,
  startedOffsetsMs: [0, 10, 20],
  elapsedUs: [100, 0xffff_ffff, 300],
};

const effect = (positions: number[], malformed = new Map<number, string>()): JournalEffect => ({
  type: 'journal',
  attempts,
  positions,
  malformed,
});

function decode(journal: Uint8Array): AttemptColumns[] {
  const decoder = new JournalDecoder();
  const blocks = decoder.push(journal);
  decoder.end();
  return blocks;
}

const plain = (columns: AttemptColumns): object => ({
  ...columns,
  taskIndices: Array.from(columns.taskIndices),
  instanceOffsets: Array.from(columns.instanceOffsets),
  outcomes: Array.from(columns.outcomes),
  payloadLengths: Array.from(columns.payloadLengths),
  payloads: [...columns.payloads],
  startedOffsetsMs: Array.from(columns.startedOffsetsMs),
  elapsedUs: Array.from(columns.elapsedUs),
});

describe('a journal', () => {
  test('gives back the attempts that went in', () => {
    const [block, ...others] = decode(encodeJournalRecords(effect([0, 1, 2])));
    expect(others).toEqual([]);
    expect(block && plain(block)).toEqual(plain(attempts));
  });

  test('has only the attempts that counted', () => {
    const [block] = decode(encodeJournalRecords(effect([2])));
    expect(block && plain(block)).toMatchObject({
      taskIndices: [9],
      instanceOffsets: [2],
      outcomes: [TaskOutcome.FailedForGood],
      payloads: [0x6f, 0x6e],
      startedOffsetsMs: [20],
    });
  });

  test('has a success that counted as a failure as that', () => {
    const malformed = new Map([[0, 'too few']]);
    const [block] = decode(encodeJournalRecords(effect([0, 2], malformed)));
    expect(block?.outcomes[0]).toBe(TaskOutcome.Failed);
    expect(block?.payloadLengths[0]).toBe(7);
    expect(new TextDecoder().decode(block?.payloads)).toBe('too fewon');
  });

  test('cuts error messages, but not outputs, to what is kept of one', () => {
    const length = LIMITS.errorMessageBytes + 10;
    const long: AttemptColumns = {
      ...attempts,
      outcomes: [TaskOutcome.Failed, TaskOutcome.Succeeded, TaskOutcome.Failed],
      payloadLengths: [length, length, 1],
      payloads: new Uint8Array(2 * length + 1).fill(1),
    };
    const journal = encodeJournalRecords({ ...effect([0, 1, 2]), attempts: long });
    expect(Array.from(decode(journal)[0]?.payloadLengths ?? [])).toEqual([
      LIMITS.errorMessageBytes,
      length,
      1,
    ]);
  });

  test('may be cut into pieces anywhere', () => {
    const one = encodeJournalRecords(effect([0, 1]));
    const two = encodeJournalRecords(effect([2]));
    const journal = bytes(...one, ...two);
    for (let size = 1; size <= journal.length; size++) {
      const decoder = new JournalDecoder();
      const blocks: AttemptColumns[] = [];
      for (let at = 0; at < journal.length; at += size) {
        blocks.push(...decoder.push(journal.subarray(at, at + size)));
      }
      decoder.end();
      expect(blocks.map((block) => block.taskIndices.length)).toEqual([2, 1]);
    }
  });

  test('that ends too early is refused', () => {
    const journal = encodeJournalRecords(effect([0, 1, 2]));
    for (let length = 1; length < journal.length; length++) {
      const decoder = new JournalDecoder();
      decoder.push(journal.subarray(0, length));
      expect(() => decoder.end()).toThrow('bytes too early');
    }
  });

  const patched = (at: number, ...values: number[]): Uint8Array => {
    const journal = encodeJournalRecords(effect([0, 1, 2]));
    journal.set(values, at);
    return journal;
  };

  test.each([
    ['another version', patched(0, 9), 'a block of version 9'],
    ['a block without header', patched(1, 3, 0, 0, 0), 'a block of 3 bytes'],
    ['more attempts than bytes', patched(29, 0xff, 0xff, 0xff, 0xff), '4294967295 attempts in'],
    ['a wrong payload length', patched(33 + 48, 4), '5 bytes of payload, not 6'],
    ['an outcome that is none', patched(33 + 60, 4), 'an attempt with outcome 4'],
    ['a number that is none', patched(5, 0, 0, 0, 0, 0, 0, 0, 1), 'a number beyond 2^53'],
  ])('with %s is refused', (_what, journal, message) => {
    expect(() => new JournalDecoder().push(journal)).toThrow(`the journal is corrupt: ${message}`);
  });
});
