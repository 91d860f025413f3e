import { parseBenchOptions } from './bench-options.ts';
import { BENCH_USAGE, runBench } from './run-bench.ts';

const INTERRUPTED = 130;

const interrupt = new AbortController();
const onSignal = (): void => {
  if (interrupt.signal.aborted) process.exit(INTERRUPTED);
  interrupt.abort(new Error('interrupted'));
};
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);

try {
  const options = parseBenchOptions(process.argv.slice(2));
  if (options === undefined) process.stdout.write(BENCH_USAGE);
  else {
    await runBench(options, {
      signal: interrupt.signal,
      print: (line) => process.stdout.write(`${line}\n`),
    });
  }
} catch (error) {
  if (interrupt.signal.aborted) process.exitCode = INTERRUPTED;
  else {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
