/** Tries to get out. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { definePackage, defineTask, string } from '@spider/tdl';

const attempts: Readonly<Record<string, (argument: string) => unknown>> = {
  read: (path) => readFileSync(path, 'utf8'),
  list: (path) => readdirSync(path).join(),
  write: (path) => writeFileSync(path, 'written'),
  spawn: (program) => execFileSync(program, ['escaped'], { encoding: 'utf8' }),
  addon: (path) => process.dlopen({ exports: {} }, path),
  worker: (code) => new Worker(code, { eval: true }),
  sqlite: async (path) => new (await import('node:sqlite')).DatabaseSync(path),
  'list-environment': () => Object.keys(process.env).sort().join(),
  'kill-parent': () => process.kill(process.ppid, 'SIGUSR2'),
  'kill-process': (pid) => process.kill(Number(pid), 0),
  end: () => process.exit(3),
  'connect-tcp': (port) => connected(Number(port)),
};

function connected(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ port, host: '127.0.0.1' });
  socket.once('connect', () => resolve('connected'));
  socket.once('error', reject);
  return promise.finally(() => socket.destroy());
}

/** Answers what came of it, or the code of the error. */
export const attempt = defineTask({
  name: 'attempt',
  inputs: [string, string],
  outputs: [string],
  run: async (_context, kind, argument) => {
    try {
      return `allowed: ${String(await attempts[kind]?.(argument))}`;
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
  },
});

export default definePackage({ name: 'escapes', version: '0.1.0', tasks: [attempt] });
