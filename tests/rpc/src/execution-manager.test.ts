import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CodeName } from './grpc-client.ts';
import { ReferencePeers } from './reference-peers.ts';
import { Schema } from './schema.ts';

/** A program of another language, by which executors of the reference are stood in for. */
const EXECUTOR = fileURLToPath(new URL('../test/native-executor', import.meta.url));
const EXECUTION_MANAGER = fileURLToPath(new URL('../../../apps/em/dist/main.js', import.meta.url));
const noPerl = spawnSync('perl', ['-e', '1']).status === 0 ? '' : ' (skipped: there is no perl)';

const schema = new Schema(['storage/storage.proto', 'scheduler/scheduler.proto']);
const SESSION = '3';
const SCHEDULER = '5';
const COMMIT = { commit: {} };
/** The job, "Commit", the instance, the group, and the outputs as an array of numbers. */
const COMMIT_CONTEXT = '9502a6436f6d6d697464019b000100000002000000ccabcccd';
/** A wire frame with one payload of two bytes. */
const FRAME = Buffer.from('0100000002000000abcd', 'hex');

interface Assignment {
  readonly id?: string;
  readonly from: string;
}

interface Task {
  readonly functionName: string;
  readonly taskId?: object;
  readonly sessionId?: string;
  readonly io?: Buffer;
  /** What storage says to its registration instead. */
  readonly refused?: CodeName;
}

describe(`beside a storage and a scheduler of the reference${noPerl}`, { timeout: 60_000 }, () => {
  let directory: string;
  let peers: ReferencePeers;
  let manager: ChildProcess | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spider-reference-'));
    peers = await ReferencePeers.start(schema);
    peers.on('RegisterExecutionManager', () => ({
      registration: { executionManagerId: '7', sessionId: SESSION },
    }));
    peers.on('UpdateExecutionManagerHeartbeat', () => ({ sessionId: SESSION }));
  });

  afterEach(async () => {
    if (manager?.exitCode === null) {
      manager.kill('SIGKILL');
      await once(manager, 'exit');
    }
    await peers[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  /** Starts an execution manager for which there are these tasks, with ids from 0. */
  async function run(...tasks: readonly Task[]): Promise<void> {
    let next = 0;
    peers.on('NextTask', async () => {
      const id = next;
      const task = tasks[id];
      next += 1;
      if (task === undefined) {
        await sleep(20);
        return { noTask: {} };
      }
      const { taskId = { index: String(id) }, sessionId = SESSION } = task;
      const rest = { jobId: '2', resourceGroupId: '1', schedulerId: SCHEDULER };
      return { assignment: { id: String(id), taskId, sessionId, ...rest } };
    });
    peers.on('RegisterTaskInstance', (request) => {
      const { taskId } = request as { readonly taskId: { readonly index?: string } };
      const id = Number(taskId.index ?? 0);
      const { functionName, refused, io = FRAME } = tasks[id] as Task;
      if (refused !== undefined) return refused;
      return {
        executionContext: {
          taskInstanceId: String(100 + id),
          tdlContext: { package: 'native', taskFunc: functionName },
          timeoutPolicy: { softTimeoutMs: '5000', hardTimeoutMs: '10000' },
          serializedTaskIo: io,
        },
      };
    });
    const endpoint = { host: '127.0.0.1', port: peers.port };
    const config = {
      storage: endpoint,
      scheduler: endpoint,
      slots: 1,
      task_executor: { bin_path: EXECUTOR, package_dir: directory },
    };
    await writeFile(join(directory, 'em.yaml'), JSON.stringify(config));
    manager = spawn(process.execPath, [EXECUTION_MANAGER, '-c', join(directory, 'em.yaml')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  /** The assignments that were acknowledged, in their order. */
  const acknowledged = (): string[] =>
    [
      ...peers.of('NextTask').map(({ prevAssignment }) => prevAssignment as Assignment | undefined),
      ...peers.of('Shutdown').flatMap(({ prevAssignments }) => prevAssignments as Assignment[]),
    ].flatMap((record) => (record === undefined ? [] : [`${record.id ?? '0'} of ${record.from}`]));

  test.skipIf(noPerl !== '')('an execution manager runs tasks, and ends in order', async () => {
    await run({ functionName: 'echo' }, { functionName: 'fail' }, { functionName: 'die' });
    await peers.until(
      () => peers.of('ReportTaskSuccess').length + peers.of('ReportTaskFailure').length === 3,
    );
    const call = { jobId: '2', executionManagerId: '7', sessionId: SESSION };
    expect(peers.of('ReportTaskSuccess')).toEqual([
      { ...call, taskId: { index: '0' }, taskInstanceId: '100', serializedOutputs: FRAME },
    ]);
    expect(peers.of('ReportTaskFailure')).toEqual([
      {
        ...call,
        taskId: { index: '1' },
        taskInstanceId: '101',
        errorMessage: 'as it was asked to',
      },
      {
        ...call,
        taskId: { index: '2' },
        taskInstanceId: '102',
        errorMessage: 'executor crashed (signal SIGSEGV)',
      },
    ]);
    expect(peers.of('RegisterTaskInstance')[0]).toEqual({ ...call, taskId: { index: '0' } });
    manager?.kill('SIGTERM');
    const [code] = (await once(manager as ChildProcess, 'exit')) as [number];
    expect(code).toBe(0);
    expect(acknowledged()).toEqual(['0 of 5', '1 of 5', '2 of 5']);
    expect(peers.of('RegisterExecutionManager')).toEqual([{ ipAddress: '0.0.0.0' }]);
    expect(peers.of('Shutdown').length).toBeGreaterThan(0);
    // It was known to storage before it registered the first task.
    const methods = peers.calls.map(({ method }) => method);
    const heartbeat = methods.indexOf('UpdateExecutionManagerHeartbeat');
    expect(heartbeat).toBeGreaterThan(methods.indexOf('RegisterExecutionManager'));
    expect(heartbeat).toBeLessThan(methods.indexOf('RegisterTaskInstance'));
  });

  test.skipIf(noPerl !== '')('drops what is stale, and acknowledges it', async () => {
    await run(
      { functionName: 'echo', sessionId: '2' },
      { functionName: 'echo', refused: 'FAILED_PRECONDITION' },
      { functionName: 'echo', refused: 'NOT_FOUND' },
      { functionName: 'echo' },
    );
    await peers.until(() => acknowledged().length === 4);
    expect(acknowledged().sort()).toEqual(['0 of 5', '1 of 5', '2 of 5', '3 of 5']);
    const registered = peers.of('RegisterTaskInstance').map(({ taskId }) => taskId);
    expect(registered).toEqual([{ index: '1' }, { index: '2' }, { index: '3' }]);
    await peers.until(() => peers.of('ReportTaskSuccess').length === 1);
    expect(peers.of('ReportTaskFailure')).toEqual([]);
  });

  test.skipIf(noPerl !== '')('gives a commit task the outputs in its context', async () => {
    const io = Buffer.concat([Buffer.of(0), FRAME]);
    await run({ functionName: 'context', taskId: COMMIT, io });
    await peers.until(() => peers.of('ReportTaskSuccess').length === 1);
    const [report] = peers.of('ReportTaskSuccess');
    expect(report?.['taskId']).toEqual(COMMIT);
    const outputs = report?.['serializedOutputs'];
    const context = Buffer.isBuffer(outputs) ? outputs.subarray(8) : Buffer.of();
    expect(context.toString('hex')).toBe(COMMIT_CONTEXT);
  });

  test.skipIf(noPerl !== '')('tries again what storage could not take', async () => {
    let attempts = 0;
    peers.on('ReportTaskSuccess', () => {
      attempts += 1;
      return attempts < 3 ? 'UNAVAILABLE' : {};
    });
    await run({ functionName: 'echo' });
    await peers.until(() => attempts === 3);
    const reports = peers.of('ReportTaskSuccess');
    expect(new Set(reports.map(({ taskInstanceId }) => taskInstanceId))).toEqual(new Set(['100']));
  });

  test.skipIf(noPerl !== '')('registers anew when storage has given it up', async () => {
    let beats = 0;
    peers.on('UpdateExecutionManagerHeartbeat', () => {
      beats += 1;
      return beats === 2 ? 'FAILED_PRECONDITION' : { sessionId: SESSION };
    });
    await run();
    await peers.until(() => peers.of('RegisterExecutionManager').length === 2);
    await peers.until(() => beats >= 4);
    expect(peers.of('RegisterExecutionManager')).toHaveLength(2);
  });

  test.skipIf(noPerl !== '')('reports nothing of an earlier session', async () => {
    let session = SESSION;
    peers.on('UpdateExecutionManagerHeartbeat', () => ({ sessionId: session }));
    peers.on('ReportTaskSuccess', () => {
      session = '4';
      return 'UNAVAILABLE';
    });
    await run({ functionName: 'echo' });
    await peers.until(() => peers.of('UpdateExecutionManagerHeartbeat').length >= 4);
    expect(peers.of('ReportTaskSuccess')).toHaveLength(1);
    expect(peers.of('RegisterExecutionManager')).toHaveLength(1);
  });
});
