import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boolean, encodeValues, int32, TaskOutcome } from '@spider/core';
import { executorEnvironment, executorLaunch, processSpawner } from '@spider/execution-manager';
import { ScriptedControlPlane } from '@spider/execution-manager/testing';
import { systemClock } from '@spider/runtime/node';
import { RecordingLogger } from '@spider/runtime/testing';
import { taskExecutorPath } from '@spider/task-executor';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { runExecutionManager } from './run-execution-manager.ts';

const TASK_EXECUTOR = fileURLToPath(new URL('../../../packages/task-executor', import.meta.url));
const WARM_UP = 50;
const TASKS = 400;
/** The first instance that the control plane issues. */
const FIRST_INSTANCE = 1000;

/** Real executors, from their sources. */
async function configFor(plane: ScriptedControlPlane): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-em-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  vi.stubEnv('NODE_OPTIONS', '--conditions=@spider/source');
  onTestFinished(() => void vi.unstubAllEnvs());
  const path = join(directory, 'config.yaml');
  await writeFile(
    path,
    `
storage: { host: 127.0.0.1, port: ${plane.port} }
slots: 2
task_executor:
  bin_path: ${join(TASK_EXECUTOR, 'src/main.ts')}
  package_dir: ${join(TASK_EXECUTOR, 'test/task-packages')}
  inherited_env: [NODE_OPTIONS]
`,
  );
  return path;
}

/** An execution manager with real executors, for which tasks are quick by now. */
class Trial implements AsyncDisposable {
  readonly plane: ScriptedControlPlane;
  readonly instances = new Map<number, number>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  private constructor(
    plane: ScriptedControlPlane,
    running: (signal: AbortSignal) => Promise<void>,
  ) {
    this.plane = plane;
    this.#running = running(this.#stop.signal);
  }

  /** @param inputsOf the inputs of the task with that index. */
  static async start(
    functionName: string,
    inputsOf: (index: number) => Uint8Array,
  ): Promise<Trial> {
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => void vi.restoreAllMocks());
    const plane = await ScriptedControlPlane.start();
    const args = ['-c', await configFor(plane)];
    const trial = new Trial(plane, (signal) =>
      runExecutionManager({ args, signal, logger: new RecordingLogger() }),
    );
    plane.onReports = (sequence) => plane.flush(sequence);
    plane.onLeases = ({ taskIndexes }) => {
      for (const index of taskIndexes) {
        trial.instances.set(index, FIRST_INSTANCE + trial.instances.size);
      }
      const inputs = taskIndexes.map((index) => inputsOf(index));
      plane.issue(1, taskIndexes, { packageName: 'basic', functionName, inputs });
    };
    await plane.changes.until(() => plane.isConnected && plane.credit > 0);
    // Once they are known to be quick, many lie in a pipe and results are held.
    for (let index = 0; index < WARM_UP; index += 1) {
      plane.assign(1, [index]);
      await trial.reported(index + 1);
    }
    return trial;
  }

  /** Assigns all other tasks as there is credit. */
  assignRest(): void {
    const { plane } = this;
    let next = WARM_UP;
    plane.onCredit = () => {
      while (plane.credit > 0 && next < TASKS) {
        const first = next;
        next += Math.min(plane.credit, TASKS - first, 100);
        plane.assign(
          1,
          Array.from({ length: next - first }, (_, i) => first + i),
        );
      }
    };
    plane.onCredit();
  }

  async reported(count: number): Promise<void> {
    await this.plane.changes.until(() => this.plane.reports.length >= count);
  }

  /** The indices of the tasks that were reported, in their order. */
  get reportedTasks(): number[] {
    return this.plane.reports.map(({ taskIndex }) => taskIndex).sort((a, b) => a - b);
  }

  /** All that did not succeed, with their messages. */
  get failures(): [number, string][] {
    return this.plane.reports
      .filter(({ outcome }) => outcome !== TaskOutcome.Succeeded)
      .map(({ taskIndex, payload }) => [taskIndex, Buffer.from(payload).toString()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.plane.close();
  }
}

const indices = Array.from({ length: TASKS }, (_, i) => i);
/** In the midst of the others. */
const SPECIAL = 217;

describe('real executors', { timeout: 30_000 }, () => {
  test('of hundreds of quick tasks only the one that kills its process fails', async () => {
    await using trial = await Trial.start('die_if_negative', (index) =>
      encodeValues([int32], [index === SPECIAL ? -1 : index], 'input'),
    );
    trial.assignRest();
    await trial.reported(TASKS);
    expect(trial.failures).toEqual([[SPECIAL, 'executor crashed (signal SIGKILL)']]);
    expect(trial.reportedTasks).toEqual(indices);
  });

  test('one that stays keeps none of those behind it waiting, and goes when it is cancelled', async () => {
    await using trial = await Trial.start('stay', (index) =>
      encodeValues([boolean], [index === SPECIAL], 'input'),
    );
    trial.assignRest();
    await trial.reported(TASKS - 1);
    expect(trial.reportedTasks).toEqual(indices.filter((index) => index !== SPECIAL));
    expect(trial.failures).toEqual([]);
    trial.plane.cancel(1, trial.instances.get(SPECIAL) ?? 0);
  });
});

/** Executors that are measured, of which the quickest counts: the machine may be busy meanwhile. */
const STARTS = 8;
const READY_MS_MAX = 150;
/** A machine that takes long for an empty Node is slow, or busy all the time. */
const EMPTY_NODE_FACTOR = 6;

test('an executor behind the guard rail is ready soon', { timeout: 30_000 }, async () => {
  const packageDir = fileURLToPath(new URL('../../../examples', import.meta.url));
  const launch = await executorLaunch({
    binPath: taskExecutorPath,
    nodePath: process.execPath,
    packageDir,
    guardRail: { enabled: true, read: [], write: [], allow: [] },
    wall: { uid: undefined, gid: undefined, isBubblewrapped: false, hasNetwork: false },
    heapMib: 512,
  });
  const env = executorEnvironment({ packageDir, inheritedEnv: [], from: process.env });
  const spawn = processSpawner({
    ...launch,
    env: { ...env, ...launch.env },
    hasDescriptors: true,
    clock: systemClock,
    logs: { write: () => true, onDrain: () => undefined },
    maxLogLineBytes: 1024,
    maxTaskLogBytes: 1024,
  });
  const times: number[] = [];
  const emptyTimes: number[] = [];
  for (let i = 0; i < STARTS; i += 1) {
    const started = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const startUs = systemClock.monotonicUs();
    const executor = spawn({
      onStarted: () => started.resolve(),
      onResponses: () => undefined,
      onGivenBack: () => undefined,
      onGrown: () => undefined,
      onBroken: (reason) => started.reject(new Error(reason)),
      onExit: () => gone.resolve(),
    });
    await started.promise;
    times.push((systemClock.monotonicUs() - startUs) / 1000);
    executor.close();
    await gone.promise;
    emptyTimes.push(timeOfEmptyNode());
  }
  const limitMs = Math.max(READY_MS_MAX, Math.min(...emptyTimes) * EMPTY_NODE_FACTOR);
  expect(Math.min(...times)).toBeLessThan(limitMs);
});

function timeOfEmptyNode(): number {
  const startUs = systemClock.monotonicUs();
  spawnSync(process.execPath, ['-e', '0']);
  return (systemClock.monotonicUs() - startUs) / 1000;
}
