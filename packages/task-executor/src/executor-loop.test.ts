import { setImmediate } from 'node:timers/promises';
import {
  appendCancelRequest,
  appendExecuteRequest,
  appendGiveBackRequest,
  ByteWriter,
  decodeExecutorNotice,
  decodeExecutorResult,
  EMPTY_FRAME,
  encodeExecutePrefix,
  encodeShutdownRequest,
  ExecutorFrameReader,
  ExecutorOutcome,
  LIMITS,
} from '@spider/core';
import type { TaskPackageEntry, TaskResult } from '@spider/tdl';
import { describe, expect, test } from 'vitest';
import { ExecutorLoop } from './executor-loop.ts';

/** What a task is called tells how long it takes, in µs; `later` returns a promise. */
class Harness {
  readonly events: string[] = [];
  readonly answerLater: ((result: TaskResult) => void)[] = [];
  /** What is to be done once all that has arrived is read. */
  readonly afterReading: (() => void)[] = [];
  readonly timers: { readonly delayMs: number; readonly fire: () => void; isSet: boolean }[] = [];
  /** What tasks hear of having to stop. */
  readonly stops: string[] = [];
  readonly loop: ExecutorLoop;
  #nowUs = 0;

  constructor(hasExtensions = false) {
    this.loop = new ExecutorLoop({
      packages: {
        get: (name) => (name === 'p' ? this.#entry : undefined),
        load: async () => ({ kind: 'InvalidLibrary', message: 'none' }),
      },
      host: { zstd: { compress: (bytes) => bytes, decompress: (bytes) => bytes } },
      hasExtensions,
      write: (bytes) => void this.events.push(describeResults(bytes)),
      nowUs: () => this.#nowUs,
      afterReading: (callback) => void this.afterReading.push(callback),
      setTimer: (delayMs, fire) => {
        const timer = { delayMs, fire, isSet: true };
        this.timers.push(timer);
        return () => {
          timer.isSet = false;
        };
      },
      onDrain: () => void this.events.push('drain'),
      onEnd: () => void this.events.push('end'),
      onFailure: (error) => void this.events.push(String(error)),
    });
  }

  /** Requests of these names in one chunk. */
  push(...names: readonly string[]): boolean {
    return this.loop.push(requests(...names));
  }

  get #entry(): TaskPackageEntry {
    return {
      name: 'p',
      tdlVersion: { major: 0, minor: 1, patch: 0 },
      execute: (name, _context, _inputs, host) => {
        this.events.push(name);
        host.onStop?.(host.taskNumber ?? -1, (reason) => void this.stops.push(reason));
        if (name === 'later') {
          const { promise, resolve } = Promise.withResolvers<TaskResult>();
          this.answerLater.push(resolve);
          return promise;
        }
        this.#nowUs += Number(name);
        return Uint8Array.of(this.events.length);
      },
    };
  }
}

function requests(...names: readonly string[]): Uint8Array {
  return requestsWithin(undefined, ...names);
}

function requestsWithin(
  hardTimeoutMs: number | undefined,
  ...names: readonly string[]
): Uint8Array {
  const writer = new ByteWriter();
  for (const name of names) {
    const prefix = encodeExecutePrefix(name === 'load' ? 'q' : 'p', name, hardTimeoutMs);
    appendExecuteRequest(writer, prefix, new Uint8Array(0), EMPTY_FRAME);
  }
  return writer.toBytes();
}

function describeResults(bytes: Uint8Array): string {
  const reader = new ExecutorFrameReader();
  reader.push(bytes);
  const elapsed: string[] = [];
  while (reader.next()) {
    const notice = decodeExecutorNotice(reader.bytes, reader.start, reader.end);
    if (notice !== undefined) {
      elapsed.push(notice.kind === 'greeting' ? 'greeting' : `given back: ${notice.count}`);
      continue;
    }
    const result = decodeExecutorResult(reader.bytes, reader.start, reader.end);
    if (result.outcome === ExecutorOutcome.Cancelled) elapsed.push('cancelled');
    else elapsed.push(String(result.elapsedUs));
  }
  return `→ ${elapsed.join(' ')}`;
}

function cancelOf(request: number): Uint8Array {
  const writer = new ByteWriter();
  appendCancelRequest(writer, request);
  return writer.toBytes();
}

function giveBack(): Uint8Array {
  const writer = new ByteWriter();
  appendGiveBackRequest(writer);
  return writer.toBytes();
}

describe('results leave', () => {
  test('together, if they came in one chunk and their tasks are known to be quick', () => {
    const { loop, events } = new Harness();
    loop.push(requests('1', '2'));
    events.length = 0;
    loop.push(requests('1', '2', '1', '2'));
    expect(events).toEqual(['1', '2', '1', '2', '→ 1 2 1 2']);
  });

  test('before a task that is not known yet', () => {
    const { loop, events } = new Harness();
    loop.push(requests('1', '1', '2', '1', '3'));
    expect(events).toEqual(['1', '1', '→ 1 1', '2', '1', '→ 2 1', '3', '→ 3']);
  });

  test('before a task that has been slow lately', () => {
    const { loop, events } = new Harness();
    loop.push(requests('1', '1000'));
    events.length = 0;
    loop.push(requests('1', '1', '1000', '1'));
    expect(events).toEqual(['1', '1', '→ 1 1', '1000', '1', '→ 1000 1']);
  });

  test('when they have waited for long enough', () => {
    const { loop, events } = new Harness();
    loop.push(requests('20'));
    events.length = 0;
    loop.push(requests('20', '20', '20', '20', '20', '20'));
    const [first, second] = [events.slice(0, 5), events.slice(5)];
    expect(first).toEqual(['20', '20', '20', '20', '→ 20 20 20 20']);
    expect(second).toEqual(['20', '20', '→ 20 20']);
  });

  test('before a promise is waited for', async () => {
    const { loop, events, answerLater } = new Harness();
    loop.push(requests('1', 'later', '1'));
    expect(events).toEqual(['1', '→ 1', 'later']);
    answerLater[0]?.(EMPTY_FRAME);
    await settle();
    expect(events.slice(3)).toEqual(['1', '→ 0 1']);
  });

  test('before the executor ends', () => {
    const { loop, events } = new Harness();
    loop.push(Buffer.concat([requests('1'), encodeShutdownRequest(), requests('1')]));
    expect(events).toEqual(['1', '→ 1', 'end']);
  });
});

/** Goes on until all that has to be waited for is done. */
const settle = (): Promise<void> => setImmediate();

test('requests that come while a task runs are run after it, in their order', async () => {
  const harness = new Harness();
  const { loop, events, answerLater } = harness;
  harness.push('later', 'later');
  harness.push('1');
  loop.end();
  expect(events).toEqual(['later']);
  answerLater[0]?.(EMPTY_FRAME);
  await settle();
  expect(events.slice(1)).toEqual(['later', '→ 0']);
  answerLater[1]?.(EMPTY_FRAME);
  await settle();
  expect(events.slice(3)).toEqual(['→ 0', '1', '→ 1', 'end']);
});

test('a package that cannot be loaded is an answer like any other', async () => {
  const harness = new Harness();
  harness.push('1', 'load', '2');
  await settle();
  expect(harness.events).toEqual(
    ['1', '→ 1', '→ 0', '2', '→ 2'].filter((e) => e !== '→ 0' || true),
  );
});

test('more than two of the largest requests are not taken in while a task runs', async () => {
  const harness = new Harness();
  const { loop, events, answerLater } = harness;
  expect(harness.push('later')).toBe(true);
  const half = requests(...Array.from({ length: 1000 }, () => '0'));
  const chunks = Math.ceil((2 * LIMITS.executorFrameBytes) / half.length);
  for (let i = 1; i < chunks; i++) expect(loop.push(half)).toBe(true);
  expect(loop.push(half)).toBe(false);
  answerLater[0]?.(EMPTY_FRAME);
  await settle();
  expect(events.at(-1)).toBe('drain');
  expect(events.filter((event) => event === '0')).toHaveLength(1000 * chunks);
  expect(loop.push(half)).toBe(true);
});

test('an orderly end is told from a lost execution manager, however it is cut', () => {
  const { loop } = new Harness();
  loop.push(requests('later'));
  expect(loop.isToShutDown).toBe(false);
  const shutdown = encodeShutdownRequest();
  loop.push(shutdown.subarray(0, 3));
  expect(loop.isToShutDown).toBe(false);
  loop.push(shutdown.subarray(3));
  expect(loop.isToShutDown).toBe(true);
});

test('nothing more is run after requests that make no sense', () => {
  const harness = new Harness();
  harness.loop.push(
    Buffer.concat([requests('1'), Buffer.from('0000000409000000', 'hex'), requests('1')]),
  );
  expect(harness.events[0]).toBe('1');
  expect(harness.events[1]).toContain('unknown executor request 9');
  harness.push('1');
  expect(harness.events).toHaveLength(2);
  harness.loop.flush();
  expect(harness.events[2]).toBe('→ 1');
});

test('no more is run when results find no taker', () => {
  const events: string[] = [];
  const loop = new ExecutorLoop({
    packages: { get: () => undefined, load: async () => ({ kind: 'InvalidLibrary', message: '' }) },
    host: { zstd: { compress: (bytes) => bytes, decompress: (bytes) => bytes } },
    hasExtensions: false,
    write: () => {
      throw new Error('EPIPE');
    },
    nowUs: () => 0,
    afterReading: () => undefined,
    setTimer: () => () => undefined,
    onDrain: () => undefined,
    onEnd: () => undefined,
    onFailure: (error) => void events.push(String(error)),
  });
  loop.push(requests('load'));
  return settle().then(() => expect(events).toEqual(['Error: EPIPE']));
});

describe('with extensions', () => {
  test('the executor greets first; without them it says nothing unasked', () => {
    expect(new Harness(true).events).toEqual(['→ greeting']);
    expect(new Harness(false).events).toEqual([]);
  });

  test('what has not begun is given back while a task awaits something', async () => {
    const { loop, events, answerLater } = new Harness(true);
    loop.push(requests('1', 'later', '2', '3'));
    loop.push(requests('4'));
    loop.push(giveBack());
    expect(events.slice(1)).toEqual(['1', '→ 1', 'later', '→ given back: 3']);
    loop.push(requests('5'));
    answerLater[0]?.(EMPTY_FRAME);
    await settle();
    expect(events.slice(5)).toEqual(['→ 0', '5', '→ 5']);
  });

  test('after a long task it is heard before the next one begins', () => {
    const { loop, events, afterReading } = new Harness(true);
    loop.push(requests('20000', '1', '1'));
    expect(events.slice(1)).toEqual(['20000', '→ 20000']);
    loop.push(giveBack());
    expect(events.slice(3)).toEqual(['→ given back: 2']);
    afterReading[0]?.();
    loop.push(requests('3'));
    expect(events.slice(4)).toEqual(['3', '→ 3']);
  });

  test('nothing is given back twice, nor what was run', () => {
    const { loop, events } = new Harness(true);
    loop.push(Buffer.concat([requests('1', '2'), giveBack(), giveBack()]));
    expect(events.slice(1)).toEqual(['1', '→ 1', '2', '→ 2 given back: 0', '→ given back: 0']);
  });

  test('a cancelled task that waits is not run, and one that runs is told to stop', async () => {
    const { loop, events, stops, answerLater } = new Harness(true);
    loop.push(requests('later', '1', '2'));
    loop.push(Buffer.concat([cancelOf(1), cancelOf(0), cancelOf(0), cancelOf(99)]));
    expect(stops).toEqual(['the task was cancelled']);
    answerLater[0]?.(EMPTY_FRAME);
    await settle();
    expect(events.slice(2)).toEqual(['→ 0 cancelled', '2', '→ 2']);
  });

  test('a task that is cancelled while its package is loaded is not begun', async () => {
    const { loop, events } = new Harness(true);
    loop.push(Buffer.concat([requests('load', '1'), cancelOf(0)]));
    await settle();
    expect(events.slice(1)).toEqual(['→ cancelled', '1', '→ 1']);
  });

  test('a cancelled task that was given back leaves its number to another', async () => {
    const { loop, events, answerLater } = new Harness(true);
    loop.push(requests('later', '1'));
    loop.push(Buffer.concat([cancelOf(1), giveBack(), requests('2')]));
    answerLater[0]?.(EMPTY_FRAME);
    await settle();
    expect(events.slice(2)).toEqual(['→ given back: 1', '→ 0', '2', '→ 2']);
  });

  test('a task is told to stop some time before its limit, unless it ends earlier', async () => {
    const { loop, timers, stops, answerLater } = new Harness(true);
    loop.push(requestsWithin(2_000, 'later'));
    loop.push(requestsWithin(60_000, 'later'));
    answerLater[0]?.(EMPTY_FRAME);
    await settle();
    expect(timers.map(({ delayMs, isSet }) => [delayMs, isSet])).toEqual([
      [1_800, false],
      [59_000, true],
    ]);
    timers[0]?.fire();
    timers[1]?.fire();
    expect(stops).toEqual(['the hard timeout (60000 ms) is near']);
  });
});

test.each([
  ['cancel', cancelOf(0)],
  ['give-back', giveBack()],
  ['a limit', requestsWithin(5, '1')],
])('without extensions %s is not understood', (what, bytes) => {
  const { loop, events } = new Harness();
  loop.push(bytes);
  expect(events.join('')).toContain(`${what} is in an executor request, though extensions are off`);
});
