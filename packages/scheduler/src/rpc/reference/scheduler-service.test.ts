import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { HeartbeatRequestSchema } from '@spider/proto/reference';
import { SeededRng, silentLogger, startRpcServer } from '@spider/runtime';
import { systemClock } from '@spider/runtime/node';
import { ManualClock } from '@spider/runtime/testing';
import { describe, expect, onTestFinished, test } from 'vitest';

import { fields, parse, RawCaller } from '../../../test/raw-call.ts';
import { DEFAULT_DISPATCH_CONFIG } from '../../config.ts';
import { Dispatcher } from '../../dispatch/dispatcher.ts';
import { DispatchMachine } from '../../machine/dispatch-machine.ts';
import { POLICIES } from '../../policy/policies.ts';
import { SchedulerService } from '../../scheduler-service.ts';
import {
  ScriptedReadyTaskSource,
  type ScriptedReadyTaskStream,
} from '../../testing/scripted-ready-task-source.ts';
import { ReferenceScheduler } from './scheduler-service.ts';

/** Not looked at. */
const NOBODY = {} as HandlerContext;

interface Assignment {
  readonly id: bigint;
  readonly from: bigint;
  readonly session: bigint;
  readonly name: string;
}

async function start(cutoffMs = 30_000) {
  const source = new ScriptedReadyTaskSource();
  const service = new SchedulerService({
    clock: systemClock,
    rng: new SeededRng(1),
    logger: silentLogger,
    storage: source,
    config: { ...DEFAULT_DISPATCH_CONFIG, acknowledgementTimeoutMs: cutoffMs },
  });
  const server = await startRpcServer({ routes: (router) => service.routes(router) });
  const stop = new AbortController();
  const running = service.run(stop.signal);
  const caller = new RawCaller(server.url);
  onTestFinished(async () => {
    stop.abort();
    await running;
    await service[Symbol.asyncDispose]();
    caller[Symbol.dispose]();
    await server.close({ graceMs: 0 });
  });
  const stream = await source.attempt(0);
  stream.open(1);
  const call = (method: string, request: Buffer) =>
    caller.call(`scheduler.SchedulerService/${method}`, request);
  return {
    service,
    stream,
    source,
    call,
    /** Asks for a task; undefined if there is none. */
    next: async (id: number, waitMs: number, previous?: Assignment) => {
      const { status, fields: answer } = await call(
        'NextTask',
        fields({ 1: id, 3: waitMs, ...(previous && { 2: record(previous) }) }),
      );
      expect(status).toBe(0);
      const assignment = answer.get(1);
      if (!Buffer.isBuffer(assignment)) {
        expect(answer.has(2)).toBe(true);
        return undefined;
      }
      return toAssignment(assignment);
    },
  };
}

const record = ({ id, from }: Assignment): Buffer => fields({ 1: id, 2: from });

/** A number of a message; fields that are 0 are left out on the wire. */
const uint = (message: ReadonlyMap<number, bigint | Buffer>, field: number): bigint =>
  (message.get(field) as bigint | undefined) ?? 0n;

function toAssignment(bytes: Buffer): Assignment {
  const message = parse(bytes);
  const task = parse(message.get(4) as Buffer);
  const kind = task.has(1) ? String(task.get(1)) : [...task.keys()].join();
  const name = `${uint(message, 3)}:${kind}`;
  return { id: uint(message, 1), from: uint(message, 5), session: uint(message, 6), name };
}

/** Hands tasks out as soon as there is somebody whom they may wait for. */
async function ready(
  stream: ScriptedReadyTaskStream,
  source: ScriptedReadyTaskSource,
  tasks: number[],
): Promise<void> {
  await source.changes.until(() => stream.credit >= tasks.length);
  stream.ready(7, tasks);
}

describe('an execution manager of the reference', () => {
  test('is told that there is no task when its wait is over', async () => {
    const { next } = await start();
    expect(await next(1, 0)).toBeUndefined();
    expect(await next(1, 20)).toBeUndefined();
  });

  test('gets a task a call, numbered from 0, of the session and scheduler of now', async () => {
    const { next, stream, source } = await start();
    const waiting = next(1, 10_000);
    await ready(stream, source, [5]);
    expect(await waiting).toEqual({ id: 0n, from: 1n, session: 1n, name: '7:5' });
  });

  test('of two, each gets a task, and none gets one twice', async () => {
    const { next, stream, source } = await start();
    const calls = [1, 2, 2].map((id) => next(id, 10_000));
    await source.changes.until(() => stream.credit >= 3);
    stream.ready(7, [0, 1, 2]);
    const assignments = await Promise.all(calls);
    expect(assignments.map((assignment) => assignment?.name ?? '').toSorted()).toEqual([
      '7:0',
      '7:1',
      '7:2',
    ]);
    expect(new Set(assignments.map((assignment) => assignment?.id)).size).toBe(3);
  });

  test('keeps nothing from others while it does not ask', async () => {
    const { next, stream, source } = await start();
    expect(await next(1, 20)).toBeUndefined();
    const other = next(2, 10_000);
    await ready(stream, source, [3]);
    expect((await other)?.name).toBe('7:3');
  });

  test('that shuts down gives back what it has not acknowledged, and only that', async () => {
    const { next, stream, source, call } = await start();
    const first = next(1, 10_000);
    await ready(stream, source, [0]);
    const taken = await first;
    const second = next(1, 10_000);
    await ready(stream, source, [1]);
    await second;
    const other = next(2, 10_000);
    const acknowledged = taken === undefined ? Buffer.alloc(0) : record(taken);
    const { status } = await call('Shutdown', fields({ 1: 1, 2: acknowledged }));
    expect(status).toBe(0);
    expect((await other)?.name).toBe('7:1');
    expect((await call('Shutdown', fields({ 1: 1 }))).status).toBe(5);
  });

  test('that acknowledged a task does not lose it when it falls silent', async () => {
    const { next, stream, source } = await start(300);
    const first = next(1, 10_000);
    await ready(stream, source, [0]);
    const assignment = await first;
    expect(await next(1, 0, assignment)).toBeUndefined();
    expect(await next(2, 600)).toBeUndefined();
  });

  test('that falls silent with a task gives it to another', async () => {
    const { next, stream, source } = await start(200);
    const first = next(1, 10_000);
    await ready(stream, source, [0]);
    await first;
    const other = next(2, 10_000);
    // It is alone by then, and its pool is the same.
    expect((await other)?.name).toBe('7:0');
  });

  test('that asks on and on without a task that was answered gets it again', async () => {
    const { next, stream, source } = await start(200);
    const first = next(1, 10_000);
    await ready(stream, source, [0]);
    const lost = await first;
    let again: Assignment | undefined;
    while (again === undefined) again = await next(1, 50);
    expect(again.name).toBe(lost?.name);
    expect(again.id).not.toBe(lost?.id);
  });

  test('whose acknowledgement is wrong gets a task all the same', async () => {
    const { next, stream, source } = await start();
    const wrong = { id: 9n, from: 9n, session: 1n, name: '' };
    const waiting = next(1, 10_000, wrong);
    await ready(stream, source, [2]);
    expect((await waiting)?.name).toBe('7:2');
  });

  test('is forgotten when it falls silent, and not as long as its heart beats', async () => {
    const clock = new ManualClock();
    const machine = new DispatchMachine({ window: 1, policy: POLICIES.fifo });
    const options = { clock, logger: silentLogger, machine, acknowledgementTimeoutMs: 1000 };
    const dispatcher = new Dispatcher(options);
    using scheduler = new ReferenceScheduler({ ...options, dispatcher, silenceMs: 1000 });
    const { service } = scheduler;
    for (let beat = 0; beat < 6; beat++) {
      await service.heartbeat(create(HeartbeatRequestSchema, { executionManagerId: 4n }), NOBODY);
      clock.advance(250);
      expect(machine.executionManagers).toBe(1);
    }
    clock.advance(1000);
    expect(machine.executionManagers).toBe(0);
  });

  test('is known by its heartbeat alone', async () => {
    const { call, service } = await start();
    expect((await call('Heartbeat', fields({ 1: 4 }))).status).toBe(0);
    expect(service.executionManagers).toBe(1);
  });
});
