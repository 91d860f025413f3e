import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Link, type Place } from './link.ts';

/** A server that answers what it is told. */
async function openEcho(path: string): Promise<Place> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  }).listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { path };
}

async function openLink(): Promise<Link> {
  const folder = await mkdtemp(join(tmpdir(), 'spider-link-'));
  const link = await Link.open('a link', await openEcho(join(folder, 'echo')), join(folder, 'way'));
  onTestFinished(async () => {
    await link[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  return link;
}

function call(link: Link): Socket {
  const socket = connect({ ...link.place });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return String(answer);
}

test('a link passes what it is told in both directions', async () => {
  expect(await ask(call(await openLink()), 'anybody there?')).toBe('anybody there?');
});

test('a link that is cut breaks its connections and refuses others until it is restored', async () => {
  const link = await openLink();
  const socket = call(link);
  await ask(socket, 'a');
  link.cut();
  await once(socket, 'close');
  const refused = call(link);
  await once(refused, 'close');
  link.restore();
  expect(await ask(call(link), 'b')).toBe('b');
});

test('a link that is blocked passes nothing, and all of it in order when it is restored', async () => {
  const link = await openLink();
  const socket = call(link);
  await ask(socket, 'a');
  link.block();
  let answered = '';
  socket.on('data', (data) => (answered += String(data)));
  socket.write('b');
  // What another one is answered has gone through the same event loop, later.
  const other = await openLink();
  for (let turn = 0; turn < 5; turn++) await ask(call(other), 'other');
  expect(answered).toBe('');
  socket.write('c');
  link.restore();
  while (answered.length < 2) await once(socket, 'data');
  expect(answered).toBe('bc');
});

test('a link that delays keeps the order, also when it does not delay any more', async () => {
  const link = await openLink();
  const socket = call(link);
  await ask(socket, 'a');
  let answered = '';
  socket.on('data', (data) => (answered += String(data)));
  link.delay(30);
  const startMs = performance.now();
  socket.write('slow ');
  link.delay(0);
  socket.write('quick');
  while (answered.length < 10) await once(socket, 'data');
  expect(answered).toBe('slow quick');
  expect(performance.now() - startMs).toBeLessThan(5_000);
});
