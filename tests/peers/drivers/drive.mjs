import { WORKLOADS } from './workloads.mjs';

/** What the command wants: how often, and where the server is. */
export const { runs, port, user } = JSON.parse(process.argv[2]);

/**
 * Runs every workload once for warmth and then as often as is asked for, and prints a line of JSON for
 * each: the seconds of each run, or why this engine cannot express it.
 *
 * @param run runs a workload, and answers how to verify what came out; that does not count.
 * @param reasons why it cannot run workloads, by name.
 */
export async function drive(run, reasons = {}) {
  for (const workload of WORKLOADS) {
    const { name, tasks } = workload;
    if (reasons[name] !== undefined) {
      print({ workload: name, cannot: reasons[name] });
      continue;
    }
    const seconds = [];
    for (let round = -1; round < runs; round++) {
      const startMs = performance.now();
      const verify = await run(workload);
      const elapsedMs = performance.now() - startMs;
      await verify();
      if (round >= 0) seconds.push(elapsedMs / 1000);
    }
    print({ workload: name, tasks: tasks.length, seconds });
  }
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
