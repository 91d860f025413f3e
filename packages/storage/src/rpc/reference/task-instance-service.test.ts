import { zstdDecompressSync } from 'node:zlib';
import { LIMITS } from '@spider/core';
import { describe, expect, test, vi } from 'vitest';
import { expectRefused, expectVoid } from '../../../test/raw-grpc/expect-answer.ts';
import { bytes, message, parseMessage, submessage, uint } from '../../../test/raw-grpc/protobuf.ts';
import type { Field, Message } from '../../../test/raw-grpc/protobuf.ts';
import { Code } from '../../../test/raw-grpc/raw-client.ts';
import {
  frame,
  graphJson,
  zstd,
  ONE_TASK,
  TWO_IN_A_ROW,
  withPolicy,
} from '../../../test/raw-grpc/reference-graph.ts';
import {
  CLEANUP,
  COMMIT,
  GROUP,
  index,
  ReferenceWorld,
  State,
  UNKNOWN_INDEXES,
} from '../../../test/raw-grpc/reference-world.ts';
import { openMemoryStore } from '../../testing/memory-store.ts';
import type { TestStorageOptions } from '../../testing/test-storage.ts';
import { ScriptedExecutionManager } from '../../testing/scripted-execution-manager.ts';

const OUTPUTS = frame(Buffer.of(42));

/** Reports are flushed at once, so that time can stand still. */
const start = (options: TestStorageOptions = {}): Promise<ReferenceWorld> =>
  ReferenceWorld.start({ config: { runtime: { journal: { flush_records: 1 } } }, ...options });

const io = (context: Message): string | undefined => bytes(context, 4)?.toString('hex');

describe('an execution context', () => {
  test('says what to run, for how long, and on what', async () => {
    await using world = await start();
    const job = await world.startJob(ONE_TASK);
    const { context, instance } = await world.lease(job, index(0));
    expect(instance).toBeGreaterThan(0n);
    expect([...context.keys()]).toEqual([1, 2, 3, 4]);
    const code = submessage(context, 2);
    expect([bytes(code, 1)?.toString(), bytes(code, 2)?.toString()]).toEqual(['p', 'f']);
    const timeouts = submessage(context, 3);
    expect([uint(timeouts, 1), uint(timeouts, 2)]).toEqual([150_000n, 300_000n]);
    expect(io(context)).toBe('01000000010000002a');
  });

  test('has the timeouts of the graph', async () => {
    await using world = await start();
    const policy = { timeout_policy: { soft_timeout_ms: 100, hard_timeout_ms: 86_400_000 } };
    const { context } = await world.lease(await world.startJob(withPolicy(policy)), index(0));
    const timeouts = submessage(context, 3);
    expect([uint(timeouts, 1), uint(timeouts, 2)]).toEqual([100n, 86_400_000n]);
  });

  test('has what the parents returned, in the order of the inputs', async () => {
    await using world = await start();
    const job = await world.startJob({
      tasks: [
        { inputs: 0, outputs: 2 },
        { inputs: 0, outputs: 1 },
        {
          inputs: 3,
          outputs: 1,
          sources: [
            [1, 0],
            [0, 1],
            [0, 0],
          ],
        },
      ],
    });
    await world.succeed(await world.lease(job, index(0)), frame(Buffer.of(1), Buffer.of(2, 2)));
    await world.succeed(await world.lease(job, index(1)), frame(Buffer.of()));
    const { context } = await world.lease(job, index(2));
    expect(io(context)).toBe(frame(Buffer.of(), Buffer.of(2, 2), Buffer.of(1)).toString('hex'));
  });

  test('of a commit task has the outputs of the job, compressed above a threshold', async () => {
    await using world = await start();
    for (const size of [1024, 1025]) {
      const job = await world.startJob({ ...ONE_TASK, commit: true });
      const outputs = frame(Buffer.alloc(size, 'a'));
      await world.succeed(await world.lease(job, index(0)), outputs);
      const { context } = await world.lease(job, COMMIT);
      const [option, ...rest] = bytes(context, 4) ?? [];
      const packed = Buffer.from(rest);
      expect(option).toBe(size === 1024 ? 0 : 1);
      const unpacked = option === 0 ? packed : zstdDecompressSync(packed);
      expect(unpacked.equals(outputs)).toBe(true);
      expect(bytes(submessage(context, 2), 2)?.toString()).toBe('commit');
    }
  });

  test('of a cleanup task has the empty frame', async () => {
    await using world = await start();
    const job = await world.startJob({ ...ONE_TASK, cleanup: true });
    await world.ok('CancelJob', [1, job]);
    const { context } = await world.lease(job, CLEANUP);
    expect(io(context)).toBe('00000000');
    expect(bytes(submessage(context, 2), 2)?.toString()).toBe('cleanup');
  });
});

describe('calls of a task', () => {
  const reportFields = (session: bigint): Field[] => [
    [1, 1],
    [2, index(0)],
    [3, 1],
    [4, 1],
    [5, session],
    [6, OUTPUTS],
  ];

  test('carry exactly the current session', async () => {
    await using world = await start();
    for (const session of [0n, world.session + 1n, 2n ** 64n - 1n]) {
      const lease: Field[] = [
        [1, 1],
        [2, index(0)],
        [3, 1],
        [4, session],
      ];
      const text = `session ${session} is not the current one, which is ${world.session}`;
      for (const [method, fields] of [
        ['RegisterTaskInstance', lease],
        ['ReportTaskSuccess', reportFields(session)],
        ['ReportTaskFailure', reportFields(session)],
      ] as const) {
        expectRefused(await world.call(method, ...fields), Code.NotFound, text);
      }
    }
  });

  test('name a task, or nothing else matters', async () => {
    await using world = await start();
    const noKind = message([7, 'something new']);
    for (const fields of [[], [[2, noKind]]] as Field[][]) {
      for (const method of ['RegisterTaskInstance', 'ReportTaskSuccess', 'ReportTaskFailure']) {
        const answer = await world.call(method, [1, 1], ...fields);
        expectRefused(answer, Code.InvalidArgument, 'task_id: is missing');
      }
    }
  });
});

test('that an execution manager is alive is known without asking the database', async () => {
  const store = await openMemoryStore();
  const read = vi.spyOn(store.cluster, 'findExecutionManager');
  await using world = await start({ store });
  const manager = await world.registerManager();
  const job = await world.startJob(TWO_IN_A_ROW);
  for (const task of [0, 1]) {
    await world.succeed(await world.lease(job, index(task), manager), OUTPUTS);
  }
  expect(read).not.toHaveBeenCalled();
});

describe('an instance is refused', () => {
  const expectNoLease = async (
    world: ReferenceWorld,
    job: bigint,
    task: Buffer,
    text: string,
    manager?: bigint,
  ): Promise<void> => {
    const by = manager ?? (await world.registerManager());
    const answer = await world.tryLease(job, task, by);
    expectRefused(answer, Code.FailedPrecondition, text);
    expect(answer.message).toMatch(/^cache stale: /);
  };

  test('of a job that is not under way', async () => {
    await using world = await start();
    const ready = await world.registerJob(ONE_TASK);
    const text = `job ${ready} is READY and task 0 READY; no instance may start now`;
    await expectNoLease(world, ready, index(0), text);
    const ended = await world.startJob(ONE_TASK);
    await world.succeed(await world.lease(ended, index(0)), OUTPUTS);
    for (const job of [ended, 0n, 404n, 2n ** 64n - 1n]) {
      await expectNoLease(world, job, index(0), `job ${job} is not under way`);
    }
    expect(await world.state(ready)).toBe(State.Ready);
  });

  test('of a task that does not exist', async () => {
    await using world = await start();
    const job = await world.startJob(ONE_TASK);
    for (const unknown of [1n, ...UNKNOWN_INDEXES]) {
      await expectNoLease(world, job, index(unknown), `job ${job} has no such task as task `);
    }
    for (const [task, name] of [
      [COMMIT, 'the commit task'],
      [CLEANUP, 'the cleanup task'],
    ] as const) {
      await expectNoLease(world, job, task, `job ${job} has no such task as ${name}`);
    }
  });

  test('in another phase of the job', async () => {
    await using world = await start();
    const shape = { ...TWO_IN_A_ROW, commit: true, cleanup: true };
    const job = await world.startJob(shape);
    await expectNoLease(world, job, index(1), 'RUNNING and task 1 PENDING');
    await expectNoLease(world, job, COMMIT, 'RUNNING and the commit task PENDING');
    await expectNoLease(world, job, CLEANUP, 'RUNNING and the cleanup task PENDING');
    for (const task of [0, 1]) await world.succeed(await world.lease(job, index(task)), OUTPUTS);
    await expectNoLease(world, job, index(1), 'COMMIT_READY and task 1 SUCCEEDED');
    await expectNoLease(world, job, CLEANUP, 'COMMIT_READY and the cleanup task PENDING');
    await world.lease(job, COMMIT);
    await world.ok('CancelJob', [1, job]);
    await expectNoLease(world, job, COMMIT, 'CLEANUP_READY and the commit task CANCELLED');
    await expectNoLease(world, job, index(0), 'CLEANUP_READY and task 0 SUCCEEDED');
    await world.lease(job, CLEANUP);
  });

  test('beyond the limit of instances', async () => {
    await using world = await start();
    const job = await world.startJob(withPolicy({ max_num_instances: 2 }));
    const first = await world.lease(job, index(0));
    const second = await world.lease(job, index(0));
    await expectNoLease(world, job, index(0), 'RUNNING and task 0 RUNNING');
    expectVoid(await world.succeed(second, OUTPUTS));
    expectRefused(await world.succeed(first, OUTPUTS), Code.FailedPrecondition, 'cache stale: ');
    expect(await world.state(job)).toBe(State.Succeeded);
  });

  test.each([
    ['task 0', index(0)],
    ['the commit task', COMMIT],
  ])('of %s beyond its limit, however many ask for it at the same time', async (name, task) => {
    await using world = await start();
    const policy = { max_num_retry: 0, max_num_instances: 10 };
    const graph = withPolicy(task === COMMIT ? {} : { max_num_instances: 10 });
    const job = await world.startJob({ ...graph, commit: policy });
    if (task === COMMIT) await world.succeed(await world.lease(job, index(0)), OUTPUTS);
    const managers: bigint[] = [];
    for (let count = 0; count < 16; count++) managers.push(await world.registerManager());
    const ask = () => Promise.all(managers.map((manager) => world.tryLease(job, task, manager)));
    const answers = await ask();
    const granted = answers.filter(({ code }) => code === Code.Ok);
    const ids = granted.map(({ body }) => uint(submessage(parseMessage(body), 1), 1));
    expect(new Set(ids).size).toBe(10);
    for (const { code } of await ask()) expect(code).toBe(Code.FailedPrecondition);
    const at = answers.findIndex(({ code }) => code === Code.Ok);
    const lease = { job, task, manager: managers[at] ?? 0n, instance: ids[0] ?? 0n };
    expectVoid(await world.succeed({ ...lease, context: new Map() }, OUTPUTS));
    for (const answer of await ask()) {
      const text = task === COMMIT ? 'is not under way' : `${name} SUCCEEDED`;
      expectRefused(answer, Code.FailedPrecondition, text);
    }
  });

  test('to an execution manager that is not alive, or has a stream', async () => {
    await using world = await start();
    const job = await world.startJob(ONE_TASK);
    const streaming = await ScriptedExecutionManager.register(world.storage.transport);
    for (const manager of [0n, 404n, 2n ** 64n - 1n, streaming.id]) {
      await expectNoLease(
        world,
        job,
        index(0),
        `execution manager ${manager} is not alive`,
        manager,
      );
    }
    await world.lease(job, index(0));
  });

  test('with inputs that do not fit into one message, and the attempt fails', async () => {
    await using world = await start();
    const policy = { execution_policy: { max_num_retry: 1, max_num_instances: 1 } };
    const graph = JSON.parse(graphJson(ONE_TASK)) as { tasks: object[] };
    graph.tasks = graph.tasks.map((task) => ({ ...task, ...policy }));
    const inputs = frame(Buffer.alloc(LIMITS.referenceMessageBytes));
    const registered = await world.ok(
      'RegisterJob',
      [1, GROUP],
      [2, zstd(JSON.stringify(graph))],
      [3, zstd(inputs)],
    );
    const job = uint(registered, 1);
    await world.ok('StartJob', [1, job]);
    const text = `the inputs of task 0 have ${inputs.length} bytes, more than`;
    await expectNoLease(world, job, index(0), text);
    expect(await world.state(job)).toBe(State.Running);
    await expectNoLease(world, job, index(0), text);
    expect(await world.state(job)).toBe(State.Failed);
    expect(await world.error(job)).toContain(text);
  });
});
