import { programOf } from './install.ts';
import { runCommand } from './run-command.ts';
import { freePort, makeDataFolder, type Server, startServer } from './server.ts';

/** Redis as BullMQ's documents want it: an append-only file, synced once a second. */
export async function startRedis(signal: AbortSignal): Promise<Server> {
  const command = await programOf('redis-server', ['redis-server'], signal);
  const text = await runCommand(command, ['--version'], { signal });
  const version = `Redis ${/v=([\d.]+)/.exec(text)?.[1] ?? ''}`;
  const port = await freePort();
  const folder = await makeDataFolder();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  args.push('--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '');
  args.push('--maxmemory-policy', 'noeviction');
  return startServer(
    { command, args, readyLine: /Ready to accept connections/, stopSignal: 'SIGTERM' },
    { port, version, folder },
  );
}
