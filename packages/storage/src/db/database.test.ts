import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { timestampMs } from '@spider/core';
import { expect, onTestFinished, test } from 'vitest';
import { Database } from './database.ts';

async function newPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spider-database-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'jobs.sqlite');
}

const at = timestampMs(1);
const terms = (holder: string) => ({ holder, durationMs: 3000 });

test('an SQLite file has one storage at a time, which is named', async () => {
  const path = await newPath();
  await using first = await Database.connect({ engine: 'sqlite', path });
  expect(await first.activate(terms('one'), at)).toMatchObject({
    kind: 'active',
    store: { sessionId: 1n },
  });
  {
    await using second = await Database.connect({ engine: 'sqlite', path });
    const answer = await second.activate(terms('two'), at);
    expect(answer).toMatchObject({ kind: 'held', holder: 'one', sessionId: 1n });
  }
  await first[Symbol.asyncDispose]();
  await using third = await Database.connect({ engine: 'sqlite', path });
  expect(await third.activate(terms('three'), at)).toMatchObject({
    kind: 'active',
    store: { sessionId: 2n },
  });
});

test('one that stands still within a write keeps nobody from learning whose the file is', async () => {
  const path = await newPath();
  await using first = await Database.connect({ engine: 'sqlite', path });
  await first.activate(terms('one'), at);
  using writing = new DatabaseSync(path);
  writing.exec('begin immediate');
  await using second = await Database.connect({ engine: 'sqlite', path, busyTimeoutMs: 0 });
  const answer = await second.activate(terms('two'), at);
  expect(answer).toMatchObject({ kind: 'held', holder: 'one' });
});

test('another name of the same SQLite file is no way around', async () => {
  const path = await newPath();
  await using first = await Database.connect({ engine: 'sqlite', path });
  await first.activate(terms('one'), at);
  await symlink(path, `${path}-link`);
  await using second = await Database.connect({ engine: 'sqlite', path: `${path}-link` });
  expect(await second.activate(terms('two'), at)).toMatchObject({ kind: 'held' });
});

test('the right to an SQLite file ends at once with a process that is killed', async () => {
  const path = await newPath();
  const script = fileURLToPath(new URL('../testing/hold-database.ts', import.meta.url));
  const holder = spawn(process.execPath, ['--conditions=@spider/source', script, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  await using database = await Database.connect({ engine: 'sqlite', path });
  expect(await database.activate(terms('next'), at)).toMatchObject({ holder: 'the script' });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(await database.activate(terms('next'), at)).toMatchObject({ kind: 'active' });
});
