import { once } from 'node:events';
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import type { ServiceImpl } from '@connectrpc/connect';
import { JobService } from '@spider/proto';
import { startRpcServer } from '@spider/runtime';

/** A job service that answers as a test says, behind a real socket. */
export async function startFakeStorage(
  service: Partial<ServiceImpl<typeof JobService>>,
  stack: AsyncDisposableStack,
): Promise<string> {
  const server = await startRpcServer({
    routes: (router) => router.service(JobService, service),
  });
  stack.defer(() => server.close({ graceMs: 0 }));
  return server.url;
}

export interface Cable {
  /** Leads to the server at the other end. */
  readonly url: string;
  /** Breaks all connections without a word, and takes no new ones. */
  cut(): void;
}

/** A way to a server that can be cut. */
export async function layCable(serverUrl: string, stack: AsyncDisposableStack): Promise<Cable> {
  const { hostname, port } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connectSocket(Number(port), hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  stack.defer(cut);
  const { port: ownPort } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${ownPort}`, cut };
}
