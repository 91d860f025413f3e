import { create } from '@bufbuild/protobuf';
import { LIMITS, SpiderError } from '@spider/core';
import { describe, expect, it } from 'vitest';

import {
  PullAssignmentsResponseSchema,
  PullReadyTasksResponseSchema,
} from '../gen/spider/v1/dispatch_pb.ts';
import { TaskOutcome } from '../gen/spider/v1/task_graph_pb.ts';
import {
  ExchangeRequestSchema,
  ExchangeResponseSchema,
  type TaskContexts,
  TaskContextsSchema,
  type TaskReports,
  TaskReportsSchema,
} from '../gen/spider/v1/worker_pb.ts';
import {
  checkAssignments,
  checkExchangeRequest,
  checkExchangeResponse,
  checkReadyTasks,
} from './batch.ts';

const TOO_MANY = Array.from({ length: LIMITS.tasksPerMessage + 1 }, () => 0);

const reports = (change: object = {}) =>
  Object.assign(
    create(TaskReportsSchema, {
      instances: { jobId: 1n, taskIndexes: [0, 1], instanceOffsets: [7, 8] },
      outcomes: [TaskOutcome.SUCCEEDED, TaskOutcome.FAILED_FOR_GOOD],
      payloadLengths: [4, 1],
      payloads: new Uint8Array(5),
      startedOffsetsMs: [0, 0],
      elapsedUs: [1, 1],
    }),
    change,
  );

const contexts = (change: object = {}) =>
  Object.assign(
    create(TaskContextsSchema, {
      instances: { jobId: 1n, taskIndexes: [0, 1], instanceOffsets: [7, 8] },
      kinds: [{ package: 'nn', function: 'relu' }],
      kindPositions: [0, 0],
      inputLengths: [4, 4],
      inputs: new Uint8Array(8),
    }),
    change,
  );

const checkReports = (...all: TaskReports[]): void =>
  checkExchangeRequest(create(ExchangeRequestSchema, { reports: all }));
const checkContexts = (...all: TaskContexts[]): void =>
  checkExchangeResponse(create(ExchangeResponseSchema, { contexts: all }));

describe('what an execution manager sends', () => {
  it('may be an empty sign of life', () => {
    expect(() => checkExchangeRequest(create(ExchangeRequestSchema))).not.toThrow();
  });

  it('may report on several jobs at once', () => {
    expect(() => checkReports(reports(), reports())).not.toThrow();
  });

  it.each([
    ['outcomes', { outcomes: [TaskOutcome.SUCCEEDED] }],
    ['payload_lengths', { payloadLengths: [5] }],
    ['started_offsets_ms', { startedOffsetsMs: [] }],
    ['elapsed_us', { elapsedUs: [1, 2, 3] }],
    ['instances.instance_offsets', { instances: { taskIndexes: [0, 1], instanceOffsets: [7] } }],
  ])('has one entry for each task in reports[1].%s', (field, change) => {
    expect(() => checkReports(reports(), reports(change))).toThrow(`reports[1].${field}: has `);
  });

  it('reports outcomes that exist', () => {
    expect(() => checkReports(reports({ outcomes: [1, 99] }))).toThrow('outcomes[1]');
  });

  it('cuts up all of its payload bytes', () => {
    expect(() => checkReports(reports({ payloadLengths: [4, 2] }))).toThrow(
      'reports[0].payload_lengths: add up to 6, but 5 bytes were sent',
    );
  });

  it('says which instances it reports on', () => {
    const nameless = reports({ instances: undefined });

    expect(() => checkReports(nameless)).toThrow('reports[0].instances: is missing');
  });

  it('names instances by numbers that doubles hold, whatever the offset', () => {
    const named = (instanceBase: bigint) =>
      reports({
        instances: { jobId: 1n, taskIndexes: [0, 1], instanceBase, instanceOffsets: [7, 8] },
      });

    expect(() => checkReports(named(2n ** 53n - 2n ** 32n))).not.toThrow();
    expect(() => checkReports(named(2n ** 64n - 1n))).toThrow(
      'reports[0].instances.instance_base: 18446744073709551615 is more than 9007194959773696',
    );
  });

  it('reports on no more tasks at once than a message may carry', () => {
    const many = reports({ instances: { taskIndexes: TOO_MANY, instanceOffsets: TOO_MANY } });

    expect(() => checkReports(many)).toThrow(
      `reports: ${TOO_MANY.length} tasks are more than ${LIMITS.tasksPerMessage}`,
    );
  });

  it('asks for no more leases at once than a message may carry, over all jobs', () => {
    const half = TOO_MANY.slice(TOO_MANY.length / 2);
    const request = create(ExchangeRequestSchema, {
      leases: [{ taskIndexes: half }, { taskIndexes: half }, { taskIndexes: [1] }],
    });

    expect(() => checkExchangeRequest(request)).toThrow('leases: ');
  });

  it('lists what it holds in parallel arrays', () => {
    const held = [{ taskIndexes: [1], instanceOffsets: [] }];

    expect(() => checkExchangeRequest(create(ExchangeRequestSchema, { hello: { held } }))).toThrow(
      'hello.held[0].instance_offsets: has 0 entries for 1 tasks',
    );
  });

  it('is refused with a SpiderError that blames the sender', () => {
    try {
      checkReports(reports({ elapsedUs: [] }));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SpiderError);
      expect(error).toMatchObject({ code: 'invalid-argument' });
    }
  });
});

describe('what storage sends to an execution manager', () => {
  it('may carry contexts of several jobs', () => {
    expect(() => checkContexts(contexts(), contexts())).not.toThrow();
  });

  it.each([
    ['kind_positions', { kindPositions: [0] }],
    ['input_lengths', { inputLengths: [8] }],
  ])('has one entry for each task in contexts[0].%s', (field, change) => {
    expect(() => checkContexts(contexts(change))).toThrow(`contexts[0].${field}: has `);
  });

  it('names kinds that it has sent along', () => {
    expect(() => checkContexts(contexts({ kindPositions: [0, 1] }))).toThrow(
      'contexts[0].kind_positions[1]: 1 is not below 1',
    );
  });

  it('refuses and cancels tasks in bounded numbers', () => {
    const refused = create(ExchangeResponseSchema, { refused: [{ taskIndexes: TOO_MANY }] });
    const cancelled = create(ExchangeResponseSchema, {
      cancelled: [{ taskIndexes: TOO_MANY, instanceOffsets: TOO_MANY }],
    });

    expect(() => checkExchangeResponse(refused)).toThrow('refused: ');
    expect(() => checkExchangeResponse(cancelled)).toThrow('cancelled: ');
  });
});

describe('what is dispatched', () => {
  it('comes in bounded numbers', () => {
    const tasks = [{ taskIndexes: TOO_MANY }];

    expect(() => checkReadyTasks(create(PullReadyTasksResponseSchema, { ready: tasks }))).toThrow(
      'ready: ',
    );
    expect(() => checkAssignments(create(PullAssignmentsResponseSchema, { tasks }))).toThrow(
      'tasks: ',
    );
  });
});
