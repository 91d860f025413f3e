import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TaskOutcome } from '@spider/core';
import type { Clock, Timer } from '@spider/runtime';
import { systemClock } from '@spider/runtime/node';
import { RecordingLogger } from '@spider/runtime/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { Changes } from '../testing/changes.ts';
import { InstanceKinds } from '../machine/instance-kind.ts';
import { OutcomeReporter } from '../report/outcome-reporter.ts';
import { makeLot } from '../testing/make-lot.ts';
import { executorCommand } from '../launch/executor-command.ts';
import { ProcessPool } from './process-pool.ts';
import { processSpawner } from './spawn-executor.ts';

const TINY_EXECUTOR = fileURLToPath(new URL('../../test/tiny-executor.ts', import.meta.url));
/** A real process is started, and perhaps another one on a busy machine. */
const PATIENCE = { timeout: 20_000 };

/** The real time, which a test can send forward. */
class HastyClock implements Clock {
  readonly #timers = new Set<{ readonly atUs: number; readonly callback: () => void }>();
  #aheadUs = 0;

  now = systemClock.now;
  sleep = systemClock.sleep;
  defer = systemClock.defer;

  monotonicUs(): number {
    return systemClock.monotonicUs() + this.#aheadUs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const entry = { atUs: this.monotonicUs() + delayMs * 1000, callback };
    const timer = systemClock.setTimer(delayMs, () => {
      if (this.#timers.delete(entry)) callback();
    });
    this.#timers.add(entry);
    return {
      cancel: () => {
        this.#timers.delete(entry);
        timer.cancel();
      },
    };
  }

  advance(durationMs: number): void {
    this.#aheadUs += durationMs * 1000;
    // Those that are set meanwhile are not due before.
    for (const entry of this.#timers) {
      if (entry.atUs <= this.monotonicUs() && this.#timers.delete(entry)) entry.callback();
    }
  }
}

interface Outcome {
  readonly taskIndex: number;
  readonly outcome: TaskOutcome;
  readonly payload: string;
}

/** A pool of tiny executors, whose outcomes are read as reports. */
class Bench implements AsyncDisposable {
  readonly kinds = new InstanceKinds();
  readonly clock = new HastyClock();
  readonly logger = new RecordingLogger();
  readonly changes = new Changes();
  readonly printed: string[] = [];
  readonly reporter = new OutcomeReporter({
    clock: systemClock,
    onGathered: () => this.changes.notify(),
    onBacklog: () => undefined,
  });
  readonly pool: ProcessPool;
  #nextBase = 0n;

  constructor(
    slots: number,
    command = executorCommand(TINY_EXECUTOR, process.execPath),
    hasDescriptors = false,
  ) {
    const env = { SECRET: 'none', PATH: process.env['PATH'] ?? '' };
    this.pool = new ProcessPool({
      slots,
      cancelGraceMs: 100,
      startTimeoutMs: 20_000,
      clock: this.clock,
      logger: this.logger,
      outcomes: this.reporter,
      source: { grant: () => undefined, withdraw: () => undefined },
      spawn: processSpawner({
        ...command,
        hasDescriptors,
        env,
        clock: this.clock,
        logs: {
          write: (entries) => {
            for (const { text } of entries) this.printed.push(`${text}\n`);
            this.changes.notify();
            return true;
          },
          onDrain: () => undefined,
        },
        maxTaskLogBytes: 1024,
        maxLogLineBytes: 20,
      }),
    });
  }

  static async started(slots: number): Promise<Bench> {
    const bench = new Bench(slots);
    await bench.pool.start();
    return bench;
  }

  run(functionName: string, inputs: readonly string[], hardTimeoutMs = 60_000): bigint {
    const instanceBase = this.#nextBase;
    this.#nextBase += BigInt(inputs.length);
    const lot = makeLot({
      functionName,
      hardTimeoutMs,
      instanceBase,
      inputs: inputs.map((text) => Buffer.from(text)),
      kinds: this.kinds,
    });
    const answered = inputs.length;
    this.pool.handle({ type: 'leased', lot, answered, roundTripUs: undefined });
    return instanceBase;
  }

  /** Waits for so many outcomes, and answers them in the order in which they came. */
  async outcomes(count: number): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (;;) {
      for (const { sequence, reports } of this.reporter.take()) {
        this.reporter.flushed(sequence);
        for (const report of reports) {
          let start = 0;
          report.outcomes.forEach((outcome, i) => {
            const end = start + (report.payloadLengths[i] ?? 0);
            const payload = Buffer.from(report.payloads.subarray(start, end)).toString();
            outcomes.push({
              taskIndex: report.instances?.taskIndexes[i] ?? -1,
              outcome: outcome as number as TaskOutcome,
              payload,
            });
            start = end;
          });
        }
      }
      if (outcomes.length >= count) return outcomes;
      await this.changes.until(() => !this.reporter.isEmpty);
    }
  }

  async linesPrinted(count: number): Promise<void> {
    await this.changes.until(() => this.printed.join('').split('\n').length > count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool[Symbol.asyncDispose]();
  }
}

const succeeded = (taskIndex: number, payload: string): Outcome => ({
  taskIndex,
  outcome: TaskOutcome.Succeeded,
  payload,
});
const failed = (taskIndex: number, payload: string): Outcome => ({
  taskIndex,
  outcome: TaskOutcome.Failed,
  payload,
});

/** Makes the kinds known as short, so that pipes are filled. */
async function warmUp(bench: Bench, ...functionNames: readonly string[]): Promise<void> {
  for (const functionName of functionNames) {
    for (let i = 0; i < 3; i += 1) {
      bench.run(functionName, ['0']);
      await bench.outcomes(1);
    }
  }
}

let benches: Bench[] = [];
async function start(slots: number): Promise<Bench> {
  const bench = await Bench.started(slots);
  benches.push(bench);
  return bench;
}
afterEach(async () => {
  await Promise.all(benches.map((bench) => bench[Symbol.asyncDispose]()));
  benches = [];
});

describe('executor processes', PATIENCE, () => {
  test('run what they are given in order, many in flight', async () => {
    const bench = await start(1);
    await warmUp(bench, 'echo');
    const texts = Array.from({ length: 500 }, (_, i) => `text ${i}`);
    bench.run('echo', texts);
    expect(await bench.outcomes(500)).toEqual(texts.map((text, i) => succeeded(i, text)));
  });

  test('say why a task failed, in words, and whether trying again is pointless', async () => {
    const bench = await start(1);
    bench.run('fail', ['out of luck']);
    expect(await bench.outcomes(1)).toEqual([failed(0, 'task failed: out of luck')]);
    bench.run('fail-for-good', ['bad input']);
    expect(await bench.outcomes(1)).toEqual([
      { taskIndex: 0, outcome: TaskOutcome.FailedForGood, payload: 'task failed: bad input' },
    ]);
  });

  test('see no more of the environment than they are given', async () => {
    const bench = await start(1);
    process.env['SPIDER_TEST_SECRET'] = 'secret';
    try {
      bench.run('environment', ['']);
      const [outcome] = await bench.outcomes(1);
      expect(Object.keys(JSON.parse(outcome?.payload ?? '') as object).sort()).toEqual([
        'PATH',
        'SECRET',
        'SPIDER_EXECUTOR_LOGS',
      ]);
    } finally {
      delete process.env['SPIDER_TEST_SECRET'];
    }
  });

  test('print whole lines, the long ones cut', async () => {
    const bench = await start(2);
    bench.run('print', ['first\nsecond\n', 'a line of more than twenty bytes\nx\n']);
    await bench.outcomes(2);
    await bench.linesPrinted(4);
    expect(bench.printed.join('').split('\n').sort()).toEqual([
      '',
      'a line of more than  […12 bytes cut]',
      'first',
      'second',
      'x',
    ]);
  });
});

describe('an executor with descriptors of its own for the pipe', PATIENCE, () => {
  async function startApart(): Promise<Bench> {
    const bench = new Bench(1, undefined, true);
    benches.push(bench);
    await bench.pool.start();
    return bench;
  }

  test('is not disturbed by what a process of its prints to stdout, which is forwarded', async () => {
    const bench = await startApart();
    bench.run('shout', ['loud']);
    bench.run('echo', ['a']);
    expect(await bench.outcomes(2)).toEqual([succeeded(0, 'loud'), succeeded(0, 'a')]);
    await bench.linesPrinted(1);
    expect(bench.printed.join('')).toBe('loud\n');
  });

  test('fails its task when it dies or writes nonsense, and is replaced', async () => {
    const bench = await startApart();
    bench.run('exit', ['3']);
    expect(await bench.outcomes(1)).toEqual([failed(0, 'executor crashed (exit code 3)')]);
    bench.run('garbage', ['']);
    const [outcome] = await bench.outcomes(1);
    expect(outcome?.payload).toMatch(/^executor crashed \(it wrote/);
    bench.run('echo', ['again']);
    expect(await bench.outcomes(1)).toEqual([succeeded(0, 'again')]);
  });
});

describe('a process that dies', PATIENCE, () => {
  test.each([
    ['exit', '3', 'executor crashed (exit code 3)'],
    ['exit', '0', 'executor crashed (exit code 0)'],
    ['signal', 'SIGABRT', 'executor crashed (signal SIGABRT)'],
  ])('by %s %s fails the task it ran, and its slot goes on', async (how, detail, message) => {
    const bench = await start(1);
    bench.run(how, [detail]);
    expect(await bench.outcomes(1)).toEqual([failed(0, message)]);
    bench.run('echo', ['again']);
    expect(await bench.outcomes(1)).toEqual([succeeded(0, 'again')]);
  });

  test('takes no task with it that was only queued behind', async () => {
    const bench = await start(1);
    await warmUp(bench, 'echo', 'pause');
    // All are known as short and lie in the pipe when the one in the middle dies.
    bench.run('pause', ['20']);
    bench.run('exit', ['1']);
    bench.run('echo', ['a', 'b', 'c']);
    const outcomes = await bench.outcomes(5);
    expect(outcomes).toEqual([
      succeeded(0, '20'),
      failed(0, 'executor crashed (exit code 1)'),
      succeeded(0, 'a'),
      succeeded(1, 'b'),
      succeeded(2, 'c'),
    ]);
  });

  test('is one that writes nonsense', async () => {
    const bench = await start(1);
    bench.run('garbage', ['']);
    const [outcome] = await bench.outcomes(1);
    expect(outcome?.outcome).toBe(TaskOutcome.Failed);
    expect(outcome?.payload).toMatch(/^executor crashed \(it wrote .*4294967295 bytes/);
    bench.run('echo', ['again']);
    expect(await bench.outcomes(1)).toEqual([succeeded(0, 'again')]);
  });

  test('is told in the log', async () => {
    const bench = await start(1);
    bench.run('exit', ['3']);
    await bench.outcomes(1);
    expect(bench.logger.lines).toContainEqual(
      expect.objectContaining({
        message: 'an executor ended unasked',
        fields: { how: 'exit code 3' },
      }),
    );
  });
});

describe('the hard timeout', PATIENCE, () => {
  test('ends a task, and those queued behind it run', async () => {
    const bench = await start(1);
    await warmUp(bench, 'echo');
    bench.run('hang', [''], 100);
    bench.run('echo', ['a', 'b']);
    expect(await bench.outcomes(3)).toEqual([
      failed(0, 'hard timeout (100 ms) exceeded'),
      succeeded(0, 'a'),
      succeeded(1, 'b'),
    ]);
  });

  test('ends what the task has started, too', async () => {
    const bench = await start(1);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    bench.run('fork', [String(port)], 60_000);
    const [socket] = (await once(server, 'connection')) as [Socket];
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    bench.clock.advance(60_000);
    expect(await bench.outcomes(1)).toEqual([failed(0, 'hard timeout (60000 ms) exceeded')]);
    socket.resume();
    await closed;
    server.close();
  });
});

describe('a cancelled task', PATIENCE, () => {
  test('that does not end by itself is ended, and nothing is said of it', async () => {
    const bench = await start(1);
    const instanceBase = bench.run('hang', ['']);
    bench.pool.handle({ type: 'cancel', jobId: 1n, instanceBase, instanceOffsets: [0] });
    bench.run('echo', ['next']);
    expect(await bench.outcomes(1)).toEqual([succeeded(0, 'next')]);
  });
});

describe('the pool', PATIENCE, () => {
  test('does not start with a program that does not exist', async () => {
    await using bench = new Bench(1, { command: '/no/such/program', args: [] });
    await expect(bench.pool.start()).rejects.toThrow(
      'an executor did not come up: spawn /no/such/program ENOENT',
    );
  });

  test('does not start with a program that ends at once', async () => {
    await using bench = new Bench(1, {
      command: process.execPath,
      args: ['-e', 'process.exit(4)'],
    });
    await expect(bench.pool.start()).rejects.toThrow('an executor did not come up: exit code 4');
  });

  test('drains: what runs is finished, what waits is given back', async () => {
    const bench = await start(1);
    bench.run('pause', ['50', '50']);
    await bench.pool.drain();
    expect((await bench.outcomes(2)).toSorted((a, b) => a.taskIndex - b.taskIndex)).toEqual([
      succeeded(0, '50'),
      { taskIndex: 1, outcome: TaskOutcome.Released, payload: '' },
    ]);
  });

  test('leaves no process behind, whatever they were at', async () => {
    const bench = await Bench.started(2);
    bench.run('hang', ['']);
    await bench[Symbol.asyncDispose]();
    bench.run('echo', ['too late']);
    expect(bench.reporter.take()).toEqual([]);
  });
});
