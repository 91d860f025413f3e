/**
 * How many tasks an execution manager gets through its executors when storage and scheduler answer at
 * once, and what each process spends on a task. Run after a build:
 *
 *     node bench/execution-manager.bench.ts [tasks] [runs] [slots]
 *
 * A task sums 25 floats. The first run is a cold one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ScriptedControlPlane } from '@spider/execution-manager/testing';

const FLOATS = 25;
const BATCH = 256;
/** Of /proc/…/stat, on any Linux that matters. */
const MICROSECONDS_PER_TICK = 10_000;
const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

const [tasks = 100_000, runs = 6, slots = 2] = process.argv.slice(2).map(Number);

const plane = await ScriptedControlPlane.start();
const directory = await mkdtemp(join(tmpdir(), 'spider-bench-'));
const config = join(directory, 'em.yaml');
await writeFile(
  config,
  `storage: { host: 127.0.0.1, port: ${plane.port} }
slots: ${slots}
task_executor: { package_dir: ${EXAMPLES} }
`,
);
const manager = spawn(process.execPath, [MAIN, '-c', config], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  await once(manager.stdout, 'data');
  await plane.changes.until(() => plane.isConnected);
  for (let run = 0; run < runs; run += 1) await measure(manager, run);
} finally {
  manager.kill();
  await once(manager, 'exit');
  await plane.close();
  await rm(directory, { recursive: true });
}

async function measure({ pid = 0 }: ChildProcess, job: number): Promise<void> {
  const executors = childrenOf(pid);
  const inputs = Array.from({ length: BATCH }, () => frameOfFloats());
  let assigned = 0;
  let reported = 0;
  plane.onCredit = () => {
    while (plane.credit > 0 && assigned < tasks) {
      const count = Math.min(plane.credit, BATCH, tasks - assigned);
      plane.assign(
        job,
        Array.from({ length: count }, (_, i) => assigned + i),
      );
      assigned += count;
    }
  };
  plane.onLeases = ({ taskIndexes }) =>
    plane.issue(job, taskIndexes, {
      packageName: 'nn',
      functionName: 'neuron::dense_identity',
      inputs: inputs.slice(0, taskIndexes.length),
    });
  plane.onReports = (sequence) => {
    reported += plane.reports.length;
    if (plane.reports.some(({ outcome }) => outcome !== 1)) throw new Error('a task has failed');
    plane.reports.length = 0;
    plane.leases.length = 0;
    plane.flush(sequence);
  };
  const before = [pid, ...executors].map(cpuMicroseconds);
  const own = process.cpuUsage();
  const startMs = performance.now();
  plane.onCredit();
  await plane.changes.until(() => reported >= tasks);
  const seconds = (performance.now() - startMs) / 1000;
  const [ofManager = 0, ...ofExecutors] = [pid, ...executors].map(
    (each, i) => cpuMicroseconds(each) - (before[i] ?? 0),
  );
  const { user, system } = process.cpuUsage(own);
  const perTask = (microseconds: number): string => (microseconds / tasks).toFixed(2);
  const inExecutors = ofExecutors.reduce((sum, microseconds) => sum + microseconds, 0);
  process.stdout.write(
    `run ${job}: ${Math.round(tasks / seconds)} tasks/s; CPU µs a task: execution manager ` +
      `${perTask(ofManager)}, executors ${perTask(inExecutors)}, here ${perTask(user + system)}\n`,
  );
}

function frameOfFloats(): Uint8Array {
  const frame = Buffer.alloc(4 + FLOATS * 13);
  frame.writeUInt32LE(FLOATS, 0);
  for (let i = 0; i < FLOATS; i += 1) {
    frame.writeUInt32LE(9, 4 + i * 13);
    frame.writeUInt8(0xcb, 8 + i * 13);
    frame.writeDoubleBE(Math.random(), 9 + i * 13);
  }
  return frame;
}

function cpuMicroseconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK;
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && parentOf(pid) === parent);
}

function parentOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
  } catch {
    return 0;
  }
}
