export { type BenchOptions, type Durability, parseBenchOptions } from './bench-options.ts';
export type { BenchResult } from './bench-result.ts';
export { BENCH_USAGE, runBench } from './run-bench.ts';
