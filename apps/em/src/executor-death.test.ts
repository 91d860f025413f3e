import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeValues, int32, TaskOutcome } from '@spider/core';
import { ScriptedControlPlane } from '@spider/execution-manager/testing';
import { RecordingLogger } from '@spider/runtime/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runExecutionManager } from './run-execution-manager.ts';

const TASK_EXECUTOR = fileURLToPath(new URL('../../../packages/task-executor', import.meta.url));
const WARM_UP = 50;
const TASKS = 400;
const CULPRIT = 217;

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

test(
  'of hundreds of quick tasks only the one that kills its process fails',
  { timeout: 30_000 },
  async () => {
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => void vi.restoreAllMocks());
    await using plane = await ScriptedControlPlane.start();
    plane.onReports = (sequence) => plane.flush(sequence);
    plane.onLeases = ({ taskIndexes }) =>
      plane.issue(1, taskIndexes, {
        packageName: 'basic',
        functionName: 'die_if_negative',
        inputs: taskIndexes.map((index) => {
          return encodeValues([int32], [index === CULPRIT ? -1 : index], 'input');
        }),
      });
    const stop = new AbortController();
    const running = runExecutionManager({
      args: ['-c', await configFor(plane)],
      signal: stop.signal,
      logger: new RecordingLogger(),
    });
    await plane.changes.until(() => plane.isConnected && plane.credit > 0);
    // Once they are known to be quick, many lie in a pipe and results are held.
    for (let index = 0; index < WARM_UP; index += 1) {
      plane.assign(1, [index]);
      await plane.changes.until(() => plane.reports.length === index + 1);
    }
    let assigned = WARM_UP;
    plane.onCredit = () => {
      while (plane.credit > 0 && assigned < TASKS) {
        const count = Math.min(plane.credit, TASKS - assigned, 100);
        const first = assigned;
        assigned += count;
        plane.assign(
          1,
          Array.from({ length: count }, (_, i) => first + i),
        );
      }
    };
    plane.onCredit();
    await plane.changes.until(() => plane.reports.length >= TASKS);
    stop.abort();
    await running;

    const failed = plane.reports.filter(({ outcome }) => outcome !== TaskOutcome.Succeeded);
    expect(
      failed.map(({ taskIndex, payload }) => [taskIndex, Buffer.from(payload).toString()]),
    ).toEqual([[CULPRIT, 'executor crashed (signal SIGKILL)']]);
    const reported = plane.reports.map(({ taskIndex }) => taskIndex).sort((a, b) => a - b);
    expect(reported).toEqual(Array.from({ length: TASKS }, (_, i) => i));
  },
);
