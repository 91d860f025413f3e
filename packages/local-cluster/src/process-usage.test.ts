import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { childProcessIds, readProcessUsage } from './process-usage.ts';

/** The figures come from /proc. */
const noProc = process.platform !== 'linux';

describe.skipIf(noProc)('the usage of a process', () => {
  it('grows with what it does', async () => {
    const before = await readProcessUsage(process.pid);
    const end = process.cpuUsage().user + 20_000;
    while (process.cpuUsage().user < end);
    const after = await readProcessUsage(process.pid);
    expect((after?.cpuUs ?? 0) - (before?.cpuUs ?? 0)).toBeGreaterThan(10_000);
    expect(after?.memoryKib).toBeGreaterThan(1_000);
    expect(after?.peakMemoryKib).toBeGreaterThanOrEqual(after?.memoryKib ?? 0);
  });

  it('is unknown once the process has ended, and its parent has lost it', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    expect(await childProcessIds(process.pid)).toContain(pid);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    expect(await readProcessUsage(pid)).toBeUndefined();
    expect(await childProcessIds(process.pid)).not.toContain(pid);
  });
});
