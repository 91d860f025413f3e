import type { BenchOptions } from './bench-options.ts';
import type { BenchResult } from './bench-result.ts';

export interface BenchContext extends Omit<BenchOptions, 'suites' | 'json' | 'record'> {
  readonly signal: AbortSignal;
  /** An empty folder of the suite's own, removed after it. */
  readonly directory: string;
}

export interface Suite {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** @throws Error if an output is not the one expected. */
  run(context: BenchContext): AsyncIterable<BenchResult>;
}
