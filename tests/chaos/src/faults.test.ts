import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { FaultShim } from './faults.ts';

/** Answers each line with what it meets when it writes a file, and how far its clock is off. */
const PROGRAM = `
  const fs = require('node:fs');
  const start = Date.now() - performance.now();
  const attempt = (run) => { try { run(); return 'done'; } catch (error) { return error.code; } };
  require('node:readline').createInterface({ input: process.stdin }).on('line', (path) => {
    const file = fs.openSync(path, 'w');
    const written = attempt(() => fs.writeSync(file, 'text'));
    const synced = attempt(() => fs.fsyncSync(file));
    fs.closeSync(file);
    const minutesOff = Math.round((Date.now() - performance.now() - start) / 60_000);
    console.log(JSON.stringify({ written, synced, minutesOff }));
  });
`;

const hasCompiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;

test.skipIf(!hasCompiler)(
  'a process with the library meets the faults that are set, and no others',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spider-faults-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const reasons: string[] = [];
    const shim = await FaultShim.build(folder, (line) => reasons.push(line));
    expect(reasons).toEqual([]);
    if (shim === undefined) throw new Error('it was built');
    using faults = shim.faultsOf('a-process');
    const child = spawn(process.execPath, ['-e', PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...faults.env },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines = createInterface(child.stdout);
    const ask = async (): Promise<unknown> => {
      child.stdin.write(`${join(folder, 'file')}\n`);
      const [line] = (await once(lines, 'line')) as [string];
      return JSON.parse(line);
    };

    expect(await ask()).toEqual({ written: 'done', synced: 'done', minutesOff: 0 });
    faults.setDiskFull(true);
    expect(await ask()).toEqual({ written: 'ENOSPC', synced: 'done', minutesOff: 0 });
    faults.setDiskFull(false);
    faults.setFsyncFails(true);
    faults.setClockOffset(-7 * 60_000);
    expect(await ask()).toEqual({ written: 'done', synced: 'EIO', minutesOff: -7 });
    faults.setFsyncFails(false);
    faults.setClockOffset(0);
    expect(await ask()).toEqual({ written: 'done', synced: 'done', minutesOff: 0 });
  },
);
