import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { DRIVERS } from './install.ts';
import { type DriverLine, parseDriverLine } from './parse-driver-line.ts';

/**
 * Runs the program that drives a peer, and answers what it says of each workload as it says it.
 *
 * @throws Error with the end of what it complained of if it fails.
 */
export async function* runDriver(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<DriverLine> {
  const child = spawn(command, args, {
    cwd: DRIVERS,
    signal,
    // Unlike on SIGTERM, Python cleans up.
    killSignal: 'SIGINT',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  child.once('error', failed.reject);
  const exited = once(child, 'exit');
  exited.catch(() => undefined);
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = `${complaint}${text}`.slice(-2_000);
  });
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const said = parseDriverLine(line);
      if (said !== undefined) yield said;
    }
    const [code] = (await Promise.race([exited, failed.promise])) as [number | null];
    if (code !== 0) throw new Error(`${args[0] ?? command} failed: ${complaint.trim()}`);
  } finally {
    child.kill('SIGINT');
  }
}
