import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX } from '@spider/core';
import { SeededRng, silentLogger, startRpcServer } from '@spider/runtime';
import { systemClock } from '@spider/runtime/node';
import { describe, expect, onTestFinished, test } from 'vitest';

import { fields, parse } from '../../test/raw-call.ts';
import { DEFAULT_DISPATCH_CONFIG } from '../config.ts';
import { SchedulerService } from '../scheduler-service.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { FallbackReadyTaskSource } from './fallback-ready-task-source.ts';
import { ReferenceReadyTaskSource } from './reference-ready-task-source.ts';
import { RpcReadyTaskSource } from './rpc-ready-task-source.ts';

type Task = readonly [job: number, task: number | 'commit' | 'cleanup'];

/** A storage of the reference as its contract describes it, its bytes written out by hand. */
class ReferenceStorage {
  readonly calls: string[] = [];
  readonly maxItems: bigint[] = [];
  registrations = 0;
  session = 1;
  /** What the next answer to a poll lacks. */
  lacking: 'its tasks' | 'a task id' | undefined;
  #ready: Record<string, Task[]> = {};
  readonly #server: Http2Server;

  private constructor() {
    this.#server = createServer();
    this.#server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => undefined);
      const path = String(headers[':path']);
      // Streams of ours have no end to wait for.
      if (path.startsWith('/spider.v1')) answer(stream, 12, undefined);
      else
        stream.on('end', () => this.#serve(stream, path, parse(Buffer.concat(chunks).subarray(5))));
    });
  }

  static async start(): Promise<ReferenceStorage> {
    const storage = new ReferenceStorage();
    storage.#server.listen(0, '127.0.0.1');
    await once(storage.#server, 'listening');
    onTestFinished(() => void storage.#server.close());
    return storage;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  ready(lane: 'Tasks' | 'CommitTasks' | 'CleanupTasks', ...tasks: Task[]): void {
    (this.#ready[lane] ??= []).push(...tasks);
  }

  #serve(stream: ServerHttp2Stream, path: string, request: ReturnType<typeof parse>): void {
    const method = path.split('/').at(-1) ?? '';
    this.calls.push(method);
    if (method === 'RegisterScheduler') {
      this.registrations += 1;
      const registration = fields({ 1: this.registrations, 2: this.session });
      answer(stream, 0, fields({ 1: registration }));
      return;
    }
    const lane = method.replace('PollReady', '');
    const max = (request.get(1) as bigint | undefined) ?? 0n;
    this.maxItems.push(max);
    if (this.lacking !== undefined) {
      const broken = fields({ 1: this.session, 2: fields({ 1: 1, 2: 7 }) });
      answer(stream, 0, this.lacking === 'its tasks' ? EMPTY : fields({ 1: broken }));
      this.lacking = undefined;
      return;
    }
    const tasks = this.#ready[lane]?.splice(0, Number(max)) ?? [];
    const entries = tasks.map(([job, task]) => fields({ 1: 1, 2: job, 3: taskId(task) }));
    const body = Buffer.concat([
      fields({ 1: this.session }),
      ...entries.map((entry) => fields({ 2: entry })),
    ]);
    answer(stream, 0, fields({ 1: body }));
  }
}

const EMPTY = Buffer.alloc(0);

function taskId(task: Task[1]): Buffer {
  if (typeof task === 'number') return fields({ 1: task });
  return task === 'commit' ? fields({ 2: EMPTY }) : fields({ 3: EMPTY });
}

function answer(stream: ServerHttp2Stream, status: number, message: Buffer | undefined): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  if (message === undefined) {
    stream.respond({ ...headers, 'grpc-status': String(status) }, { endStream: true });
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status) }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([prefix, message]));
}

async function startScheduler(storage: ReferenceStorage) {
  const endpoints = [storage.url];
  const advertised = () => ({ host: '127.0.0.1', port: 1 });
  const service = new SchedulerService({
    clock: systemClock,
    rng: new SeededRng(1),
    logger: silentLogger,
    storage: new FallbackReadyTaskSource({
      preferred: new RpcReadyTaskSource({ endpoints, advertised }),
      fallback: new ReferenceReadyTaskSource({ clock: systemClock, endpoints, advertised }),
      logger: silentLogger,
    }),
    config: DEFAULT_DISPATCH_CONFIG,
  });
  const server = await startRpcServer({ routes: (router) => service.routes(router) });
  const stop = new AbortController();
  const running = service.run(stop.signal);
  const executionManager = new ScriptedExecutionManager(server.url, 1);
  onTestFinished(async () => {
    executionManager[Symbol.dispose]();
    stop.abort();
    await running;
    await service[Symbol.asyncDispose]();
    await server.close({ graceMs: 0 });
  });
  return executionManager;
}

describe('a scheduler whose storage is one of the reference', () => {
  test('polls its queues, never for more than is wanted', async () => {
    const storage = await ReferenceStorage.start();
    storage.ready('Tasks', [7, 0], [7, 1], [8, 0]);
    const executionManager = await startScheduler(storage);
    executionManager.grant(10);
    expect((await executionManager.received(3)).toSorted()).toEqual(['7:0', '7:1', '8:0']);
    expect(storage.registrations).toBe(1);
    expect(Math.max(...storage.maxItems.map(Number))).toBeLessThanOrEqual(4096);
  });

  test('gets commit and cleanup tasks by their own queues', async () => {
    const storage = await ReferenceStorage.start();
    storage.ready('CommitTasks', [1, 'commit']);
    storage.ready('CleanupTasks', [2, 'cleanup']);
    const executionManager = await startScheduler(storage);
    executionManager.grant(10);
    expect((await executionManager.received(2)).toSorted()).toEqual([
      `1:${COMMIT_TASK_INDEX}`,
      `2:${CLEANUP_TASK_INDEX}`,
    ]);
  });

  test('registers again when storage has begun another session', async () => {
    const storage = await ReferenceStorage.start();
    const executionManager = await startScheduler(storage);
    executionManager.grant(10);
    storage.ready('Tasks', [7, 0]);
    await executionManager.received(1);
    storage.session = 2;
    storage.ready('Tasks', [7, 1], [7, 2]);
    await expect.poll(() => storage.registrations, { timeout: 10_000 }).toBe(2);
    storage.ready('Tasks', [7, 3]);
    expect((await executionManager.received(4)).toSorted()).toEqual(['7:0', '7:1', '7:2', '7:3']);
    const sessions = executionManager.batches.map(({ sessionId }) => sessionId);
    expect(new Set(sessions)).toEqual(new Set([1n, 2n]));
  });

  test.each(['its tasks', 'a task id'] as const)(
    'leaves one that answers without %s, and asks again',
    async (lacking) => {
      const storage = await ReferenceStorage.start();
      storage.lacking = lacking;
      const executionManager = await startScheduler(storage);
      executionManager.grant(10);
      await expect.poll(() => storage.registrations, { timeout: 10_000 }).toBe(2);
      storage.ready('Tasks', [7, 0]);
      expect(await executionManager.received(1)).toEqual(['7:0']);
    },
  );
});
