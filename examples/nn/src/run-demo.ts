import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  connect,
  type JobDefinition,
  JobState,
  jobStateName,
  type ProgressOutput,
  showProgress,
  type SpiderClient,
} from '@spider/client';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { systemClock } from '@spider/runtime/node';
import type { Type } from '@spider/tdl';
import { formatUsagePerTask, readClusterUsage } from './cluster-usage.ts';
import type { DemoOptions } from './demo-options.ts';
import { compareOutputs, drawNetwork, evaluateNetwork } from './network.ts';
import { networkJob } from './network-job.ts';

const EXAMPLES_FOLDER = fileURLToPath(new URL('../..', import.meta.url));
/** Everything the demo writes lies below here, and is gone when it ends. */
const WORK_FOLDER = fileURLToPath(new URL('../../../.spider', import.meta.url));

export interface DemoContext {
  readonly signal: AbortSignal;
  /** Where results go, a line each. */
  readonly print: (line: string) => void;
  /** Where progress is shown. */
  readonly progress: ProgressOutput;
}

/**
 * Starts a cluster, runs the network's job on it and verifies its outputs.
 *
 * @throws Error if the job doesn't succeed, or its outputs are not those of the evaluation here.
 */
export async function runDemo(options: DemoOptions, context: DemoContext): Promise<void> {
  const network = drawNetwork(options.layers, options.width, options.seed);
  const job = networkJob(network);
  const expected = evaluateNetwork(network);
  await mkdir(WORK_FOLDER, { recursive: true });
  const directory = await mkdtemp(join(WORK_FOLDER, 'demo-'));
  try {
    await using cluster = await startLocalCluster({
      directory,
      packageDir: EXAMPLES_FOLDER,
      executionManagers: options.executionManagers,
      slots: options.slots,
      embeddedScheduler: !options.separateScheduler,
      signal: context.signal,
    });
    using client = connect({ endpoints: [cluster.storageUrl] });
    for (let run = 0; run < options.runs; run++) {
      const line = await runJob(
        { cluster, client, job, inputs: network.inputs, expected },
        context,
      );
      context.print(line);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runJob(
  demo: {
    readonly cluster: LocalCluster;
    readonly client: SpiderClient;
    readonly job: JobDefinition<readonly Type<number>[], readonly number[]>;
    readonly inputs: Float64Array;
    readonly expected: Float64Array;
  },
  { signal, print, progress }: DemoContext,
): Promise<string> {
  const before = await readClusterUsage(demo.cluster);
  const startedUs = systemClock.monotonicUs();
  const handle = await demo.client.submit(demo.job, [...demo.inputs], { start: true, signal });
  const status = await showProgress(handle, { output: progress, clock: systemClock, signal });
  const seconds = (systemClock.monotonicUs() - startedUs) / 1e6;
  if (status.state !== JobState.Succeeded) {
    const reason = status.errorMessage ?? 'no reason given';
    throw new Error(`job ${handle.id} ended ${jobStateName(status.state)}: ${reason}`);
  }
  const after = await readClusterUsage(demo.cluster);
  const difference = compareOutputs(await handle.outputs({ signal }), demo.expected);
  if (difference !== undefined) throw new Error(`job ${handle.id}: ${difference}`);
  const { totalTasks } = status;
  print(`processor time, µs a task: ${formatUsagePerTask(before, after, totalTasks)}`);
  const rate = Math.round(totalTasks / seconds);
  return (
    `demo: job ${handle.id} SUCCEEDED: ${totalTasks} tasks in ${seconds.toFixed(2)} s ` +
    `(${rate} tasks/s), outputs verified`
  );
}
