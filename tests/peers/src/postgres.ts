import { dirname, join } from 'node:path';
import { programOf } from './install.ts';
import { runCommand } from './run-command.ts';
import { freePort, makeDataFolder, type Server, startServer } from './server.ts';

/** Whom peers connect as. */
export const POSTGRES_USER = 'bench';
const DATABASES = ['pg_boss', 'graphile_worker', 'dbos'];
/** Commits wait for the disk, as they do by default; the rest is room to work in. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  max_connections: '100',
};

/** PostgreSQL with a database for each peer. It does not run as root, but as the user of its package. */
export async function startPostgres(signal: AbortSignal): Promise<Server> {
  const command = await programOf('postgres', ['postgresql'], signal);
  const initdb = join(dirname(command), 'initdb');
  const owner = process.getuid?.() === 0 ? await ownerOf('postgres', signal) : undefined;
  const version = (await runCommand(command, ['--version'], { signal }))
    .replace('postgres (PostgreSQL)', 'PostgreSQL')
    .split(' ')
    .slice(0, 2)
    .join(' ')
    .trim();
  const port = await freePort();
  const folder = await makeDataFolder(owner);
  const data = join(folder, 'data');
  const asOwner = { signal, cwd: folder, ...owner };
  await runCommand(initdb, ['-D', data, '-A', 'trust', '-U', POSTGRES_USER, '--no-sync'], asOwner);
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', data, '-p', String(port), '-k', folder, ...settings];
  const server = await startServer(
    { command, args, readyLine: /ready to accept connections/, stopSignal: 'SIGINT', ...owner },
    { port, version, folder },
  );
  const createdb = join(dirname(command), 'createdb');
  for (const database of DATABASES) {
    const where = ['-h', '127.0.0.1', '-p', String(port), '-U', POSTGRES_USER];
    await runCommand(createdb, [...where, database], { signal });
  }
  return server;
}

async function ownerOf(
  user: string,
  signal: AbortSignal,
): Promise<{ readonly uid: number; readonly gid: number }> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map((flag) => runCommand('id', [flag, user], { signal })),
  );
  return { uid: Number(uid), gid: Number(gid) };
}
