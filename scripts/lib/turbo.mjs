import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';

import { root } from './workspace.mjs';

/**
 * The environment in which the tools of the repository run: Node 24 and pnpm first on PATH, no
 * telemetry, and compiled code kept here instead of in the system's temporary folder.
 */
export function toolEnv(extra = {}) {
  const key = Object.keys(process.env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const bin = join(root, 'node_modules/.bin');
  return {
    ...process.env,
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node-compile'),
    [key]: `${bin}${delimiter}${process.env[key] ?? ''}`,
    ...extra,
  };
}

/**
 * Runs a command from the root of the repository and returns its exit code. With `quiet` the
 * output appears only when the command fails.
 */
export function run(command, args, { quiet = false, env = {} } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: toolEnv(env),
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    maxBuffer: 256 * 1024 * 1024,
  });
  if (quiet && result.status !== 0) {
    process.stderr.write(result.stdout ?? '');
    process.stderr.write(result.stderr ?? '');
  }
  if (result.error) console.error(`${command}: ${result.error.message}`);
  return result.status ?? 1;
}

export function turbo(args, options) {
  return run('turbo', args, options);
}
