import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { endingWithParent } from './parent-death.ts';

/** Says that it is up, and does not return to its event loop for longer than a test may take. */
const LOOP = [
  '-e',
  `require('node:fs').writeSync(1, 'up'); for (const end = Date.now() + 20_000; Date.now() < end;);`,
];
const loop = await endingWithParent({ command: process.execPath, args: LOOP });

describe('a process that is to end with its parent', { timeout: 10_000 }, () => {
  test.skipIf(loop.command === process.execPath)(
    'does so though it is busy and the parent was killed (needs setpriv)',
    async () => {
      const { command, args } = loop;
      const code = `require('node:child_process').spawn(
        ${JSON.stringify(command)}, ${JSON.stringify(args)}, { stdio: 'inherit', detached: true })`;
      const parent = spawn(process.execPath, ['-e', code], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(parent.stdout, 'data');
      parent.kill('SIGKILL');
      // Its output is that of both, and ends only with the last of them.
      await once(parent, 'close');
      expect(parent.signalCode).toBe('SIGKILL');
    },
  );

  test('is started as it is where that cannot be, so that it is clear what is missing', async () => {
    const missing = { command: '/no/such/executor', args: ['x'] };
    expect(await endingWithParent(missing)).toBe(missing);
  });
});
