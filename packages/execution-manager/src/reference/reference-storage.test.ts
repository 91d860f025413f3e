import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type ServiceImpl,
} from '@connectrpc/connect';
import {
  AssignmentService,
  ExchangeRequestSchema,
  type ExchangeResponse,
  type PullAssignmentsRequest,
  PullAssignmentsRequestSchema,
  WorkerService,
} from '@spider/proto';
import {
  ExecutionManagerLivenessService,
  SchedulerService,
  TaskInstanceManagementService,
} from '@spider/proto/reference';
import { OutgoingStream } from '@spider/runtime';
import { ManualClock, RecordingLogger } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import type { Connection } from '../ports.ts';
import { withReferenceFallback } from './reference-fallback.ts';

interface Peer {
  readonly liveness?: Partial<ServiceImpl<typeof ExecutionManagerLivenessService>>;
  readonly tasks?: Partial<ServiceImpl<typeof TaskInstanceManagementService>>;
  readonly scheduler?: Partial<ServiceImpl<typeof SchedulerService>>;
}

/** The way to a peer of the reference, of which is known already that it has none of our services. */
async function connectionTo({ liveness, tasks, scheduler }: Peer): Promise<Connection> {
  const peer = createRouterTransport((router) => {
    router.service(ExecutionManagerLivenessService, liveness ?? {});
    router.service(TaskInstanceManagementService, tasks ?? {});
    router.service(SchedulerService, { shutdown: () => ({}), ...scheduler });
  });
  const connect = withReferenceFallback(
    () => Object.assign(peer, { close: () => undefined, ping: () => undefined }),
    {
      clock: new ManualClock(),
      logger: new RecordingLogger(),
    },
  );
  const connection = connect('http://peer');
  const client = createClient(WorkerService, connection);
  await expect(client.registerExecutionManager({})).rejects.toThrow('unimplemented');
  await expect(pull(connection)).rejects.toThrow('unimplemented');
  return connection;
}

const refusing = (code: Code) => (): never => {
  throw new ConnectError('refused', code);
};

/** The first so many answers of storage to an execution manager that says hello, and this. */
async function exchange(
  connection: Connection,
  more: MessageInitShape<typeof ExchangeRequestSchema>,
  count: number,
): Promise<readonly ExchangeResponse[]> {
  const requests = new OutgoingStream<ReturnType<typeof create<typeof ExchangeRequestSchema>>>();
  requests.push(create(ExchangeRequestSchema, { hello: { executionManagerId: 7n } }));
  requests.push(create(ExchangeRequestSchema, more));
  const responses: ExchangeResponse[] = [];
  for await (const response of createClient(WorkerService, connection).exchange(requests)) {
    if (responses.push(response) === count) break;
  }
  return responses;
}

async function pull(connection: Connection): Promise<void> {
  const requests = new OutgoingStream<PullAssignmentsRequest>();
  requests.push(
    create(PullAssignmentsRequestSchema, { hello: { executionManagerId: 7n }, credit: 1 }),
  );
  const client = createClient(AssignmentService, connection);
  for await (const _ of client.pullAssignments(requests)) return;
}

test('an answer without a registration is refused', async () => {
  const connection = await connectionTo({ liveness: { registerExecutionManager: () => ({}) } });
  const client = createClient(WorkerService, connection);
  await expect(client.registerExecutionManager({})).rejects.toThrow('no registration');
});

test('session 0 is a session like any other', async () => {
  const registration = { executionManagerId: 7n, sessionId: 0n };
  const connection = await connectionTo({
    liveness: {
      registerExecutionManager: () => ({ registration }),
      updateExecutionManagerHeartbeat: () => ({ sessionId: 0n }),
    },
  });
  const client = createClient(WorkerService, connection);
  expect(await client.registerExecutionManager({})).toMatchObject(registration);
  const [first] = await exchange(connection, {}, 1);
  expect(first?.welcome?.sessionId).toBe(0n);
});

test.each([
  ['FAILED_PRECONDITION', Code.FailedPrecondition, Code.FailedPrecondition],
  ['INVALID_ARGUMENT', Code.InvalidArgument, Code.FailedPrecondition],
  ['UNAVAILABLE', Code.Unavailable, Code.Unavailable],
  ['INTERNAL', Code.Internal, Code.Internal],
])('a heartbeat that is answered by %s', async (_name, answer, code) => {
  const liveness = { updateExecutionManagerHeartbeat: refusing(answer) };
  const connection = await connectionTo({ liveness });
  // By FAILED_PRECONDITION an execution manager learns that it has to register anew.
  await expect(exchange(connection, {}, 1)).rejects.toMatchObject({ code });
});

const leases = [{ jobId: 2n, resourceGroupId: 1n, taskIndexes: [5] }];

test.each([
  ['NOT_FOUND', Code.NotFound],
  ['FAILED_PRECONDITION', Code.FailedPrecondition],
])('a lease that is answered by %s is refused', async (_name, code) => {
  const connection = await connectionTo({
    liveness: { updateExecutionManagerHeartbeat: () => ({ sessionId: 3n }) },
    tasks: { registerTaskInstance: refusing(code) },
  });
  const [, refusal] = await exchange(connection, { leases }, 2);
  expect(refusal?.refused).toMatchObject(leases);
});

test.each([
  ['INVALID_ARGUMENT', Code.InvalidArgument],
  ['UNAVAILABLE', Code.Unavailable],
])('a lease that is answered by %s ends the conversation', async (_name, code) => {
  const connection = await connectionTo({
    liveness: { updateExecutionManagerHeartbeat: () => ({ sessionId: 3n }) },
    tasks: { registerTaskInstance: refusing(code) },
  });
  await expect(exchange(connection, { leases }, 2)).rejects.toMatchObject({ code });
});

test.each([
  ['UNAVAILABLE', Code.Unavailable],
  ['INTERNAL', Code.Internal],
  ['NOT_FOUND', Code.NotFound],
])('a scheduler that answers by %s is asked again', async (_name, code) => {
  let calls = 0;
  const connection = await connectionTo({
    scheduler: {
      nextTask: () => {
        calls += 1;
        throw new ConnectError('refused', code);
      },
    },
  });
  await expect(pull(connection)).rejects.toMatchObject({ code });
  await expect(pull(connection)).rejects.toMatchObject({ code });
  expect(calls).toBe(2);
});
