import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { ExchangeRequestSchema, type ExchangeRequest } from '../gen/spider/v1/worker_pb.ts';
import { checkExchangeRequest } from './batch.ts';

const uint32 = fc.nat(0xffff_ffff);

/** Reports of one job as an honest sender makes them. */
const reports = fc
  .array(fc.record({ index: uint32, offset: uint32, size: fc.nat(20) }))
  .map((tasks) => ({
    instances: {
      jobId: 1n,
      taskIndexes: tasks.map(({ index }) => index),
      instanceOffsets: tasks.map(({ offset }) => offset),
    },
    outcomes: tasks.map(() => 1),
    payloadLengths: tasks.map(({ size }) => size),
    payloads: new Uint8Array(tasks.reduce((sum, { size }) => sum + size, 0)),
    startedOffsetsMs: tasks.map(() => 0),
    elapsedUs: tasks.map(() => 0),
  }));

const bytes = fc
  .array(reports, { maxLength: 4 })
  .map((all) => toBinary(ExchangeRequestSchema, create(ExchangeRequestSchema, { reports: all })));

/** What those who read a checked message rely on. */
function expectConsistent({ reports: all }: ExchangeRequest): void {
  for (const { instances, payloads, payloadLengths, ...columns } of all) {
    const count = instances?.taskIndexes.length;
    expect(instances?.instanceOffsets).toHaveLength(count ?? -1);
    expect(payloadLengths).toHaveLength(count ?? -1);
    expect(columns.outcomes).toHaveLength(count ?? -1);
    expect(columns.startedOffsetsMs).toHaveLength(count ?? -1);
    expect(columns.elapsedUs).toHaveLength(count ?? -1);
    for (const outcome of columns.outcomes) expect([1, 2, 3, 4]).toContain(outcome);
    expect(payloads).toHaveLength(payloadLengths.reduce((sum, length) => sum + length, 0));
  }
}

it('takes every message of an honest sender', () => {
  fc.assert(
    fc.property(bytes, (message) => {
      const request = fromBinary(ExchangeRequestSchema, message);

      expect(() => checkExchangeRequest(request)).not.toThrow();
      expectConsistent(request);
    }),
  );
});

it('takes nothing else than consistent messages, whatever the bytes', () => {
  const damaged = fc.tuple(bytes, fc.nat(), fc.nat(255)).map(([message, at, value]) => {
    if (message.length > 0) message[at % message.length] = value;
    return message;
  });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), (message) => {
      let request: ExchangeRequest;
      try {
        request = fromBinary(ExchangeRequestSchema, message);
      } catch {
        return;
      }
      try {
        checkExchangeRequest(request);
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid-argument' });
        return;
      }
      expectConsistent(request);
    }),
    { numRuns: 1_000 },
  );
});
