import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished, vi } from 'vitest';

import { ManualClock, RecordingLogger } from '../testing.ts';
import { reloadOnChange } from './reload-files.ts';

async function start(reload: () => Promise<void>) {
  const directory = await mkdtemp(join(tmpdir(), 'spider-reload-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, 'server.crt');
  await writeFile(file, 'old');
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const reloading = reloadOnChange({ files: [file], reload, clock, logger });
  onTestFinished(() => reloading[Symbol.dispose]());
  return { directory, file, clock, logger, reloading };
}

it('reads files anew when one was replaced, once for all that is replaced with it', async () => {
  const reload = vi.fn<() => Promise<void>>(async () => {});
  const { directory, file, clock } = await start(reload);
  await writeFile(join(directory, 'new'), 'new');
  await rename(join(directory, 'new'), file);
  await vi.waitFor(() => {
    clock.advance(200);
    expect(reload).toHaveBeenCalledTimes(1);
  });
});

it('reads them at SIGHUP, and says what is wrong with them', async () => {
  const { clock, logger, reloading } = await start(() => Promise.reject(new Error('no PEM')));
  process.emit('SIGHUP');
  clock.advance(200);
  await vi.waitFor(() => expect(logger.lines).toHaveLength(1));
  expect(logger.lines[0]).toMatchObject({
    level: 'error',
    message: 'files could not be read anew',
  });
  reloading[Symbol.dispose]();
  expect(process.listenerCount('SIGHUP')).toBe(0);
});
