import { Worker } from 'node:worker_threads';

import type { SeedOptions, SeedOutcome } from './run-seed.ts';

export interface SeedPoolOptions {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly options: SeedOptions;
  /** Answers whether to go on. */
  readonly onOutcome: (outcome: SeedOutcome) => boolean;
}

/** Runs seeds on several threads, in any order. @throws what a thread could not go on after. */
export async function runSeeds(options: SeedPoolOptions): Promise<void> {
  const end = options.from + options.seeds;
  let next = options.from;
  const take = (): number | undefined => (next < end ? next++ : undefined);
  const enough = Promise.withResolvers<void>();
  const onOutcome = (outcome: SeedOutcome): void => {
    if (!options.onOutcome(outcome)) enough.resolve();
  };
  const workers = Math.min(options.workers, options.seeds);
  await Promise.all(
    Array.from({ length: workers }, () =>
      runThread(take, options.options, onOutcome, enough.promise),
    ),
  );
}

async function runThread(
  take: () => number | undefined,
  options: SeedOptions,
  onOutcome: (outcome: SeedOutcome) => void,
  enough: Promise<void>,
): Promise<void> {
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const worker = new Worker(new URL('./seed-worker.js', import.meta.url), { workerData: options });
  let seed: number | undefined;
  const goOn = (): void => {
    seed = take();
    if (seed === undefined) resolve();
    else worker.postMessage(seed);
  };
  worker.on('message', (outcome: SeedOutcome) => {
    onOutcome(outcome);
    goOn();
  });
  worker.on('error', reject);
  worker.on('exit', (code) =>
    reject(new Error(`seed ${seed} ended its thread: exit code ${code}`)),
  );
  goOn();
  try {
    await Promise.race([done, enough]);
  } finally {
    await worker.terminate();
  }
}
