import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { descendantProcesses, processesNaming } from './leak-check.ts';

/** The lists come from /proc. */
const noProc = process.platform !== 'linux';

describe.skipIf(noProc)('the leak check', () => {
  it('finds a process until it has ended', async () => {
    const mark = `spider-leak-check-${process.pid}`;
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()', mark]);
    await once(child, 'spawn');
    try {
      expect((await descendantProcesses()).map(({ pid }) => pid)).toContain(child.pid);
      expect((await processesNaming(mark)).map(({ pid }) => pid)).toEqual([child.pid]);
    } finally {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    expect(await processesNaming(mark)).toEqual([]);
  });
});
