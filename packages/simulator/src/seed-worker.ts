import { parentPort } from 'node:worker_threads';

import { runSeed } from './run-seed.ts';

/** A thread that runs the seeds it is told, one after the other. */
parentPort?.on('message', (seed: number) => {
  void runSeed(seed).then((outcome) => parentPort?.postMessage(outcome));
});
