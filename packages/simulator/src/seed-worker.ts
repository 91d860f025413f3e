import { parentPort } from 'node:worker_threads';

import { runSeed } from './run-seed.ts';

/** A thread that runs the seeds it is told, one after the other. */
parentPort?.on('message', (seed: number) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  void runSeed(seed).then((outcome) => parentPort?.postMessage(outcome));
});
