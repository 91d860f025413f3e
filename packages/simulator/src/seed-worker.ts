import { parentPort, workerData } from 'node:worker_threads';

import { runSeed } from './run-seed.ts';
import type { SeedOptions } from './run-seed.ts';

/** A thread that runs the seeds it is told, one after the other. */
parentPort?.on('message', (seed: number) => {
  void runSeed(seed, workerData as SeedOptions).then((outcome) => parentPort?.postMessage(outcome));
});
