import { DEMO_USAGE, parseDemoOptions } from './demo-options.ts';
import { runDemo } from './run-demo.ts';

const INTERRUPTED = 130;

const interrupt = new AbortController();
const onSignal = (): void => {
  if (interrupt.signal.aborted) process.exit(INTERRUPTED);
  interrupt.abort(new Error('interrupted'));
};
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);

try {
  const options = parseDemoOptions(process.argv.slice(2));
  if (options === undefined) process.stdout.write(DEMO_USAGE);
  else {
    await runDemo(options, {
      signal: interrupt.signal,
      print: (line) => process.stdout.write(`${line}\n`),
      progress: process.stderr,
    });
  }
} catch (error) {
  if (interrupt.signal.aborted) process.exitCode = INTERRUPTED;
  else {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
