import {
  create,
  type DescMessage,
  equals,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { encodeEnvelope } from '@connectrpc/connect/protocol';
import { describe, expect, it } from 'vitest';

import {
  AddResourceGroupRequestSchema,
  JobIdRequestSchema,
  JobOutputsResponseSchema,
  JobStateResponseSchema,
  NextTaskRequestSchema,
  NextTaskResponseSchema,
  PollReadyTasksRequestSchema,
  PollReadyTasksResponseSchema,
  ReferenceJobState,
  RegisterExecutionManagerRequestSchema,
  RegisterExecutionManagerResponseSchema,
  RegisterSchedulerRequestSchema,
  RegisterTaskInstanceRequestSchema,
  RegisterTaskInstanceResponseSchema,
  ReportTaskFailureRequestSchema,
  ReportTaskSuccessRequestSchema,
  ShutdownRequestSchema,
  TaskIdSchema,
} from './reference.ts';

/** The bytes of a message, which read as the message again. */
function hex<Desc extends DescMessage>(schema: Desc, fields: MessageInitShape<Desc>): string {
  const message = create(schema, fields);
  const bytes = toBinary(schema, message);
  expect(equals(schema, fromBinary(schema, bytes), message)).toBe(true);
  return Buffer.from(bytes).toString('hex');
}

const index = (value: bigint) => ({ kind: { case: 'index' as const, value } });
const frame42 = Buffer.from('01000000010000002a', 'hex');

describe("the reference's messages, byte for byte", () => {
  it('names a task, with an index of zero too', () => {
    expect(hex(TaskIdSchema, index(0n))).toBe('0800');
    expect(hex(TaskIdSchema, index(300n))).toBe('08ac02');
    expect(hex(TaskIdSchema, { kind: { case: 'commit', value: {} } })).toBe('1200');
    expect(hex(TaskIdSchema, { kind: { case: 'cleanup', value: {} } })).toBe('1a00');
  });

  it('asks for a job and answers its state', () => {
    expect(hex(JobIdRequestSchema, { jobId: 5n })).toBe('0805');
    expect(hex(JobStateResponseSchema, { state: ReferenceJobState.SUCCEEDED })).toBe('0805');
    const serializedOutputs = Buffer.concat([Buffer.of(0), frame42]);
    expect(hex(JobOutputsResponseSchema, { serializedOutputs })).toBe('0a0a0001000000010000002a');
  });

  it('goes into an envelope of its length, without compression', () => {
    const envelope = encodeEnvelope(0, Buffer.from(hex(JobIdRequestSchema, { jobId: 5n }), 'hex'));
    expect(Buffer.from(envelope).toString('hex')).toBe('00000000020805');
    expect(Buffer.from(encodeEnvelope(0, new Uint8Array(0))).toString('hex')).toBe('0000000000');
  });

  it('polls for ready tasks', () => {
    expect(hex(PollReadyTasksRequestSchema, { maxItems: 16n, waitMs: 10n })).toBe('0810100a');
    expect(hex(PollReadyTasksResponseSchema, { tasks: { sessionId: 1n } })).toBe('0a020801');
    const tasks = [{ resourceGroupId: 1n, jobId: 2n, taskId: index(0n) }];
    expect(hex(PollReadyTasksResponseSchema, { tasks: { sessionId: 1n, tasks } })).toBe(
      '0a0c08011208080110021a020800',
    );
  });

  it('registers a task instance and answers its context', () => {
    const request = { jobId: 2n, taskId: index(0n), executionManagerId: 3n, sessionId: 1n };
    expect(hex(RegisterTaskInstanceRequestSchema, request)).toBe('08021202080018032001');
    const executionContext = {
      taskInstanceId: 1n,
      tdlContext: { package: 'p', taskFunc: 'f' },
      timeoutPolicy: { softTimeoutMs: 150_000n, hardTimeoutMs: 300_000n },
      serializedTaskIo: frame42,
    };
    expect(hex(RegisterTaskInstanceResponseSchema, { executionContext })).toBe(
      '0a1f080112060a01701201661a0808f0930910e0a712220901000000010000002a',
    );
  });

  it('reports success and failure', () => {
    const head = { jobId: 2n, executionManagerId: 3n, sessionId: 1n };
    expect(
      hex(ReportTaskSuccessRequestSchema, {
        ...head,
        taskId: index(0n),
        taskInstanceId: 1n,
        serializedOutputs: frame42,
      }),
    ).toBe('080212020800180120032801320901000000010000002a');
    expect(
      hex(ReportTaskSuccessRequestSchema, {
        ...head,
        taskId: { kind: { case: 'commit', value: {} } },
        taskInstanceId: 4n,
        serializedOutputs: new Uint8Array(4),
      }),
    ).toBe('080212021200180420032801320400000000');
    expect(
      hex(ReportTaskFailureRequestSchema, {
        ...head,
        taskId: { kind: { case: 'cleanup', value: {} } },
        taskInstanceId: 5n,
        errorMessage: 'x',
      }),
    ).toBe('080212021a00180520032801320178');
  });

  it('asks a scheduler for a task, and gets one or none', () => {
    const prevAssignment = { id: 0n, from: 1n };
    expect(
      hex(NextTaskRequestSchema, { executionManagerId: 3n, prevAssignment, waitTimeMs: 1000n }),
    ).toBe('08031202100118e807');
    expect(hex(NextTaskResponseSchema, { result: { case: 'noTask', value: {} } })).toBe('1200');
    const assignment = {
      resourceGroupId: 1n,
      jobId: 2n,
      taskId: index(0n),
      schedulerId: 1n,
      sessionId: 1n,
    };
    expect(hex(NextTaskResponseSchema, { result: { case: 'assignment', value: assignment } })).toBe(
      '0a0c100118022202080028013001',
    );
    const prevAssignments = [prevAssignment, { id: 1n, from: 1n }];
    expect(hex(ShutdownRequestSchema, { executionManagerId: 3n, prevAssignments })).toBe(
      '080312021001120408011001',
    );
  });

  it('registers services and tenants', () => {
    expect(hex(RegisterSchedulerRequestSchema, { host: 'spider-scheduler', port: 50_052 })).toBe(
      '0a107370696465722d7363686564756c657210848703',
    );
    expect(hex(RegisterExecutionManagerRequestSchema, { ipAddress: '0.0.0.0' })).toBe(
      '0a07302e302e302e30',
    );
    const registration = { executionManagerId: 3n, sessionId: 1n };
    expect(hex(RegisterExecutionManagerResponseSchema, { registration })).toBe('0a0408031001');
    expect(
      hex(AddResourceGroupRequestSchema, {
        externalResourceGroupId: 'rg',
        password: Buffer.from('pw'),
      }),
    ).toBe('0a02726712027077');
  });
});
