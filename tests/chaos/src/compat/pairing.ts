import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, jobStateName } from '@spider/client';
import { compareOutputs, drawNetwork, evaluateNetwork } from '@spider/example-nn/network';
import { networkJob } from '@spider/example-nn/network-job';
import { type LocalCluster, startLocalCluster } from '@spider/local-cluster';
import { binaryOf, type Build } from './older-build.ts';

const LAYERS = 10;
const WIDTH = 200;
/** The error of a peer that does not work with the other one's version, in a line of its log. */
const REFUSAL = /\w+: [^"\\]*\bupdate (?:this |that )?(?:storage|scheduler|process)(?: first)?/;

/** Which build each kind of process is of. */
export interface Pairing {
  readonly name: string;
  readonly storage: Build;
  readonly scheduler: Build;
  readonly executionManager: Build;
}

export interface Outcome {
  readonly verdict: 'working' | 'refused' | 'broken';
  /** What refuses it, or what is wrong. */
  readonly message: string;
}

/** All pairings of an older process with today's. */
export const pairings = (today: Build, older: Build): Pairing[] => [
  {
    name: `older execution manager (${older.commit}), today's storage and scheduler`,
    storage: today,
    scheduler: today,
    executionManager: older,
  },
  {
    name: `today's execution manager, older storage and scheduler (${older.commit})`,
    storage: older,
    scheduler: older,
    executionManager: today,
  },
  {
    name: `older scheduler (${older.commit}), today's storage and execution manager`,
    storage: today,
    scheduler: older,
    executionManager: today,
  },
  {
    name: `today's scheduler, older storage and execution manager (${older.commit})`,
    storage: older,
    scheduler: today,
    executionManager: older,
  },
];

/** Runs the network of the demo through a pairing, with today's client. */
export async function tryPairing(
  pairing: Pairing,
  directory: string,
  timeoutSeconds: number,
): Promise<Outcome> {
  await mkdir(directory, { recursive: true });
  let refusal: string | undefined;
  const timeout = AbortSignal.timeout(timeoutSeconds * 1000);
  try {
    await using cluster = await startLocalCluster({
      directory,
      // Packages are of the build of those who run them.
      packageDir: join(pairing.executionManager.folder, 'examples'),
      slots: 2,
      embeddedScheduler: false,
      binaries: {
        storage: binaryOf(pairing.storage, 'storage'),
        scheduler: binaryOf(pairing.scheduler, 'scheduler'),
        executionManager: binaryOf(pairing.executionManager, 'em'),
      },
      onLog: (_name, line) => {
        refusal ??= REFUSAL.exec(line)?.[0];
      },
      signal: timeout,
    });
    return await runNetwork(cluster, timeout);
  } catch (error) {
    if (refusal !== undefined) return { verdict: 'refused', message: refusal };
    const reason = timeout.aborted ? `nothing within ${timeoutSeconds} s: ` : '';
    return { verdict: 'broken', message: `${reason}${String(error)}` };
  }
}

async function runNetwork(cluster: LocalCluster, signal: AbortSignal): Promise<Outcome> {
  const network = drawNetwork(LAYERS, WIDTH, 1);
  using client = connect({ endpoints: [cluster.storageUrl] });
  const handle = await Promise.race([
    client.submit(networkJob(network), [...network.inputs], { start: true, signal }),
    cluster.failed,
  ]);
  const status = await Promise.race([handle.wait({ signal }), cluster.failed]);
  if (status.endedAtMs === undefined || status.errorMessage !== undefined) {
    const message = `the job ended ${jobStateName(status.state)}: ${status.errorMessage ?? ''}`;
    return { verdict: 'broken', message };
  }
  const difference = compareOutputs(await handle.outputs({ signal }), evaluateNetwork(network));
  if (difference !== undefined) return { verdict: 'broken', message: difference };
  return { verdict: 'working', message: `${status.totalTasks} tasks, outputs verified` };
}
