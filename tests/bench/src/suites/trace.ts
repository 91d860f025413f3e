import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../bench-result.ts';
import type { Suite } from '../suite.ts';

const SPIDER = fileURLToPath(new URL('../../../../apps/cli/dist/main.js', import.meta.url));
const SYNTHETIC = fileURLToPath(
  new URL('../../../../examples/traces/synthetic-mosaic.json', import.meta.url),
);
const TIME_SCALE = 0.001;
const SLOTS = [8, 32] as const;
const RESULT =
  /: (\d+) tasks of .+ ran once each .+ makespan ([\d.]+) s, lower bound ([\d.]+) s on/;

const execute = promisify(execFile);

/** Recorded workflows whose tasks sleep, by `spider trace run`, which starts a cluster for each. */
export const trace: Suite = {
  name: 'trace',
  summary: 'recorded workflows of SPIDER_DAG_CORPUS: makespan over its lower bound, 8 and 32 slots',
  run: async function* run({ runs, signal }) {
    const files = await traceFiles();
    for (const slots of SLOTS) {
      for (const file of files) {
        const measured = [];
        for (let run = 0; run < runs; run++) measured.push(await runTrace(file, slots, signal));
        const seconds = median(measured.map(({ makespanS }) => makespanS));
        const { tasks, boundS } = measured[0] ?? { tasks: 0, boundS: Number.NaN };
        yield {
          suite: 'trace',
          workload: `${file.slice(file.lastIndexOf('/') + 1, -'.json'.length)}-${slots}`,
          engine: 'spider',
          durability: 'task',
          tasks,
          edges: 0,
          seconds,
          tasksPerSecond: tasks / seconds,
          cpuMicrosPerTask: {},
          peakRssMb: {},
          verified: true,
          runs,
          extra: { slots, makespanOverBound: seconds / boundS },
        };
      }
    }
  },
};

async function traceFiles(): Promise<string[]> {
  const folder = process.env['SPIDER_DAG_CORPUS'];
  if (folder === undefined) return [SYNTHETIC];
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'));
  return files.toSorted().map((file) => join(folder, file));
}

/** The command fails unless every task ran once, and after its parents. */
async function runTrace(
  file: string,
  slots: number,
  signal: AbortSignal,
): Promise<{ readonly tasks: number; readonly makespanS: number; readonly boundS: number }> {
  const { stdout } = await execute(
    process.execPath,
    [SPIDER, 'trace', 'run', file, '--time-scale', String(TIME_SCALE), '--slots', String(slots)],
    { signal },
  );
  const [, tasks, makespanS, boundS] = RESULT.exec(stdout) ?? [];
  if (boundS === undefined) throw new Error(`spider trace said something else: ${stdout}`);
  return { tasks: Number(tasks), makespanS: Number(makespanS), boundS: Number(boundS) };
}
