import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A server on loopback, with a data folder of its own; both go when it is disposed of. */
export interface Server extends AsyncDisposable {
  readonly port: number;
  /** Its name and version. */
  readonly version: string;
  /** Rejects if it ends unasked. */
  readonly failed: Promise<never>;
}

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** What it says when it takes connections. */
  readonly readyLine: RegExp;
  readonly stopSignal: NodeJS.Signals;
  readonly uid?: number;
  readonly gid?: number;
}

/** A folder whose path all users may follow, owned by the one that is given. */
export async function makeDataFolder(owner?: {
  readonly uid: number;
  readonly gid: number;
}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spider-peers-'));
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  return folder;
}

/** Starts a server. Resolves when it takes connections. */
export async function startServer(
  { command, args, readyLine, stopSignal, ...owner }: ServerCommand,
  { port, version, folder }: { port: number; version: string; folder: string },
): Promise<Server> {
  const child = spawn(command, args, {
    ...owner,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const said: string[] = [];
  const ready = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said.push(text);
      if (said.length > 10) said.shift();
      if (readyLine.test(text)) ready.resolve();
    });
  }
  child.once('error', failure.reject);
  child.once('exit', () =>
    failure.reject(new Error(`${version} has ended: ${said.join('').trim()}`)),
  );
  const stop = async (): Promise<void> => {
    await end(child, exited, stopSignal);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.race([ready.promise, failure.promise]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, version, failed: failure.promise, [Symbol.asyncDispose]: stop };
}

async function end(
  child: ChildProcess,
  exited: Promise<unknown>,
  signal: NodeJS.Signals,
): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await exited;
}

/** A port of loopback that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
