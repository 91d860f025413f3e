import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ManualClock } from '@spider/runtime/testing';
import { describe, expect, test } from 'vitest';
import type { LogEntry } from '../logs/log-entry.ts';
import type { ProcessExit } from '../machine/slot-event.ts';
import { Changes } from '../testing/changes.ts';
import { makeLot } from '../testing/make-lot.ts';
import type { ExecutorProcess } from './executor-process.ts';
import { type SpawnThreadOptions, threadSpawner } from './spawn-thread.ts';

const TINY_EXECUTOR = fileURLToPath(new URL('../../test/tiny-executor.ts', import.meta.url));

/** One executor in a real thread, on a clock that stands still. */
class Trial implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly changes = new Changes();
  readonly answers: string[] = [];
  readonly printed: string[] = [];
  readonly executor: ExecutorProcess;
  broken: string | undefined;
  hasStarted = false;
  hasGrown = false;
  exit: ProcessExit | undefined;
  /** Whether who takes lines has room for more. */
  isRoomy = true;
  drained: (() => void) | undefined;

  constructor(options: Partial<SpawnThreadOptions> = {}) {
    const spawn = threadSpawner({
      modulePath: TINY_EXECUTOR,
      env: { GREETING: 'hello' },
      clock: this.clock,
      logs: {
        write: (entries: readonly LogEntry[]) => {
          this.printed.push(...entries.map(({ text }) => text));
          this.changes.notify();
          return this.isRoomy;
        },
        onDrain: (callback) => (this.drained = callback),
      },
      maxLogLineBytes: 1024,
      maxTaskLogBytes: 1024,
      ...options,
    });
    this.executor = spawn({
      onStarted: () => this.#note(() => (this.hasStarted = true)),
      onResponses: ({ payloads: { bytes, starts, ends } }) =>
        this.#note(() => {
          for (const [i, start] of starts.entries()) {
            this.answers.push(Buffer.from(bytes.subarray(start, ends[i])).toString());
          }
        }),
      onGivenBack: () => undefined,
      onGrown: () => (this.hasGrown = true),
      onBroken: (reason) => this.#note(() => (this.broken = reason)),
      onExit: (exit) => this.#note(() => (this.exit = exit)),
    });
  }

  run(functionName: string, text: string): void {
    const lot = makeLot({ functionName, inputs: [Buffer.from(text)] });
    this.executor.execute({ lots: [lot], positions: [0] });
  }

  /** Runs one and waits for its answer. */
  async call(functionName: string, text = ''): Promise<string | undefined> {
    const count = this.answers.length;
    this.run(functionName, text);
    await this.changes.until(() => this.answers.length > count);
    return this.answers[count];
  }

  async ended(): Promise<ProcessExit | undefined> {
    await this.changes.until(() => this.exit !== undefined);
    return this.exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.executor.kill();
    await this.ended();
  }

  #note(change: () => void): void {
    change();
    this.changes.notify();
  }
}

describe('an executor in a thread', { timeout: 20_000 }, () => {
  test('answers, and has the environment that it was given', async () => {
    await using trial = new Trial();
    await trial.changes.until(() => trial.hasStarted);
    expect(await trial.call('echo', 'as it was')).toBe('as it was');
    const environment = JSON.parse((await trial.call('environment')) ?? '') as object;
    expect(Object.keys(environment).sort()).toEqual(['GREETING', 'SPIDER_EXECUTOR_LOGS']);
  });

  test('ends when it is asked to, with what code it likes', async () => {
    const asked = new Trial();
    asked.executor.close();
    expect(await asked.ended()).toEqual({ code: 0, signal: undefined });
    const willing = new Trial();
    willing.run('exit', '7');
    expect(await willing.ended()).toEqual({ code: 7, signal: undefined });
  });

  test('is stopped while it computes or waits', async () => {
    const trial = new Trial();
    trial.run('hang', '');
    await trial.changes.until(() => trial.hasStarted);
    trial.executor.kill();
    expect(await trial.ended()).toMatchObject({ signal: undefined });
    expect(trial.clock.pendingTimers).toBe(0);
  });

  test('that does not stop because it is in a call outside is left behind', async () => {
    const trial = new Trial();
    trial.run('print', 'begins\n');
    trial.run('sleep', '0.5');
    await trial.changes.until(() => trial.printed.length > 0);
    trial.executor.kill();
    trial.clock.advance(2_000);
    expect(trial.exit?.error).toBe('its thread did not stop within 2000 ms and was left behind');
    expect(trial.printed.at(-1)).toContain('was left behind');
  });

  test('that fails behind its own back has a trace in the log', async () => {
    const trial = new Trial();
    // Its end could overtake the news of its start.
    await trial.changes.until(() => trial.hasStarted);
    trial.run('throw', 'nobody waits for this');
    expect(await trial.ended()).toEqual({ code: 1, signal: undefined });
    expect(trial.printed[0]).toBe('Uncaught Error: nobody waits for this');
    expect(trial.printed[1]).toMatch(/^ {4}at .*tiny-executor/);
  });

  test('that has no module says so', async () => {
    const trial = new Trial({ modulePath: '/no/such/module.js' });
    expect((await trial.ended())?.error).toContain('/no/such/module');
    expect(trial.hasStarted).toBe(false);
  });

  test('that the system has no room for says so, later', () => {
    const trial = new Trial({ modulePath: 'not absolute' });
    expect(trial.exit).toBeUndefined();
    trial.clock.runDeferred();
    expect(trial.exit?.error).toContain('absolute path');
  });

  test('that says what makes no sense is broken, and nothing else it says is heard', async () => {
    await using trial = new Trial();
    trial.run('garbage', '');
    trial.run('echo', 'too late');
    trial.run('print', 'said\n');
    await trial.changes.until(() => trial.printed.length > 0);
    expect(trial.broken).toContain('4294967295 bytes');
    expect(trial.answers).toEqual([]);
  });

  test('is told of no room for text until whoever takes the lines has some', async () => {
    await using trial = new Trial();
    trial.isRoomy = false;
    await trial.call('print', 'one\n');
    await trial.call('print', 'two\n');
    expect(await trial.call('untaken')).toBe('8');
    trial.drained?.();
    expect(await trial.call('untaken')).toBe('0');
    expect(trial.printed).toEqual(['one', 'two']);
  });

  test('that holds more memory than it should keep is told of, though it hears nothing', async () => {
    await using trial = new Trial({ recycleAboveMib: 1 });
    await trial.changes.until(() => trial.hasStarted);
    trial.run('hang', '');
    while (!trial.hasGrown) {
      trial.clock.advance(100);
      await nextTurn();
    }
    expect(trial.exit).toBeUndefined();
  });
});
