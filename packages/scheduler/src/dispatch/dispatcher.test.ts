import type { ExecutionManagerId, SessionId, SpiderError } from '@spider/core';
import { silentLogger } from '@spider/runtime';
import { ManualClock } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';

import type { AssignmentBatch } from '../machine/dispatch-event.ts';
import { DispatchMachine } from '../machine/dispatch-machine.ts';
import { GENERAL_PROFILE } from '../machine/execution-manager-profile.ts';
import { POLICIES } from '../policy/policies.ts';
import { type AssignmentSink, Dispatcher } from './dispatcher.ts';

class Sink implements AssignmentSink {
  readonly batches: number[][] = [];
  closed: SpiderError | undefined;

  send({ tasks }: AssignmentBatch): void {
    this.batches.push(tasks.flatMap(({ taskIndexes }) => [...taskIndexes]));
  }

  close(error: SpiderError): void {
    this.closed = error;
  }
}

function setUp(options: { grantCredit?: (dispatcher: Dispatcher, tasks: number) => void } = {}) {
  const clock = new ManualClock();
  const dispatcher = new Dispatcher({
    clock,
    logger: silentLogger,
    machine: new DispatchMachine({ window: 100, policy: POLICIES.fifo }),
    acknowledgementTimeoutMs: 1000,
  });
  let granted = 0;
  let closed = 0;
  const upstream = {
    grantCredit: (tasks: number) => {
      granted += tasks;
      options.grantCredit?.(dispatcher, tasks);
    },
    openPool: () => undefined,
    closePool: () => undefined,
    giveBack: () => undefined,
    close: () => void (closed += 1),
  };
  // One that takes nothing, so that there is somebody tasks may wait for.
  dispatcher.connect(1000n as ExecutionManagerId, GENERAL_PROFILE, new Sink());
  return {
    clock,
    dispatcher,
    open: (sessionId = 1n) => dispatcher.upstreamOpened(upstream, sessionId as SessionId),
    ready: (...taskIndexes: number[]) =>
      dispatcher.tasksReady([{ jobId: 1, resourceGroupId: 1, taskIndexes }], 1),
    connect: (id: number, credit: number) => {
      const sink = new Sink();
      const connection = dispatcher.connect(
        BigInt(id) as ExecutionManagerId,
        GENERAL_PROFILE,
        sink,
      );
      dispatcher.pulled(connection, { credit, acknowledgedBatch: 0, draining: false });
      clock.runDeferred();
      return { sink, connection };
    },
    get granted() {
      return granted;
    },
    get closed() {
      return closed;
    },
  };
}

const acknowledge = (acknowledgedBatch: number) => ({
  credit: 0,
  acknowledgedBatch,
  draining: false,
});

describe('a dispatcher', () => {
  test('sends at once when all was quiet, and the rest of the turn together', () => {
    const { clock, open, ready, connect } = setUp();
    open();
    const { sink } = connect(1, 100);

    ready(0);
    expect(sink.batches).toEqual([[0]]);

    ready(1);
    ready(2, 3);
    expect(sink.batches).toEqual([[0]]);
    clock.runDeferred();
    expect(sink.batches).toEqual([[0], [1, 2, 3]]);

    ready(4);
    expect(sink.batches).toEqual([[0], [1, 2, 3], [4]]);
  });

  test('lets credit of several execution managers gather before it deals', () => {
    const { clock, dispatcher, open, ready, connect } = setUp();
    open();
    const first = connect(1, 0);
    const second = connect(2, 0);
    ready(0, 1, 2, 3);

    for (const { connection } of [first, second]) {
      dispatcher.pulled(connection, { credit: 100, acknowledgedBatch: 0, draining: false });
    }
    clock.runDeferred();

    expect(first.sink.batches).toEqual([[0, 1]]);
    expect(second.sink.batches).toEqual([[2, 3]]);
  });

  test('lets a source answer credit with tasks at once, without running away', () => {
    let next = 0;
    const bench = setUp({
      grantCredit: (dispatcher, tasks) => {
        const taskIndexes = Array.from({ length: tasks }, () => next++);
        dispatcher.tasksReady([{ jobId: 1, resourceGroupId: 1, taskIndexes }], 1);
      },
    });
    const { sink } = bench.connect(1, 60_000);

    bench.open();
    bench.clock.runDeferred();

    const received = sink.batches.flat();
    expect(received).toHaveLength(60_000);
    expect(received).toEqual(received.toSorted((a, b) => a - b));
  });

  test('closes a storage that is over, and takes the next one', () => {
    const bench = setUp();
    bench.open(2n);
    bench.dispatcher.upstreamClosed();

    bench.open(1n);
    expect(bench.closed).toBe(1);
    bench.dispatcher.upstreamClosed();
    bench.open(3n);

    expect(bench.closed).toBe(1);
    expect(bench.granted).toBe(200);
  });
});

describe('an execution manager that is silent about a batch', () => {
  test('is left for another after the timeout', () => {
    const { clock, open, ready, connect } = setUp();
    open();
    const silent = connect(1, 2);
    ready(0, 1);
    const other = connect(2, 10);

    clock.advance(999);
    expect(silent.sink.closed).toBeUndefined();
    clock.advance(1);
    clock.runDeferred();

    expect(silent.sink.closed).toMatchObject({ code: 'unavailable' });
    expect(other.sink.batches).toEqual([[0, 1]]);
    expect(clock.pendingTimers).toBe(1);
  });

  test('is not, once it has said something', () => {
    const { clock, dispatcher, open, ready, connect } = setUp();
    open();
    const { sink, connection } = connect(1, 10);
    ready(0);
    clock.runDeferred();
    clock.advance(600);
    ready(1);
    clock.runDeferred();
    dispatcher.pulled(connection, acknowledge(1));

    clock.advance(600);
    expect(sink.closed).toBeUndefined();
    dispatcher.pulled(connection, acknowledge(2));
    clock.advance(5000);

    expect(sink.closed).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  test('leaves no timer behind when it goes', () => {
    const { clock, dispatcher, open, ready, connect } = setUp();
    open();
    const { connection } = connect(1, 10);
    ready(0);
    dispatcher.disconnect(connection);

    expect(clock.pendingTimers).toBe(0);
  });
});
