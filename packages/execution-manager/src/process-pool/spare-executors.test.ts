import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { FakeExecutors } from '../testing/fake-executors.ts';
import type { ExecutorCallbacks } from './executor-process.ts';
import { SpareExecutors } from './spare-executors.ts';

class Trial {
  readonly clock = new ManualClock();
  readonly executors = new FakeExecutors({ start: false });
  readonly heard: string[] = [];
  readonly spares = new SpareExecutors({
    spawn: this.executors.spawn,
    count: 1,
    clock: this.clock,
  });
  readonly callbacks: ExecutorCallbacks = {
    onStarted: (hasExtensions) => this.heard.push(`started ${hasExtensions}`),
    onResponses: () => undefined,
    onGivenBack: () => undefined,
    onGrown: () => this.heard.push('grown'),
    onBroken: (reason) => this.heard.push(`broken: ${reason}`),
    onExit: () => this.heard.push('exit'),
  };

  /** The first one is up and in use, so that a spare is started. */
  static started(): Trial {
    const trial = new Trial();
    trial.spares.spawn(trial.callbacks);
    trial.executors.all[0]?.start();
    return trial;
  }
}

test('a spare that is up is handed out at once, and another one is started', () => {
  const trial = Trial.started();
  expect(trial.executors.all).toHaveLength(2);
  trial.executors.all[1]?.start(true);
  expect(trial.heard).toEqual(['started false']);
  trial.spares.spawn(trial.callbacks);
  expect(trial.heard).toEqual(['started false']);
  trial.clock.runDeferred();
  expect(trial.heard).toEqual(['started false', 'started true']);
  expect(trial.executors.all).toHaveLength(3);
  trial.executors.all[1]?.exit({ code: 1, signal: undefined });
  expect(trial.heard.at(-1)).toBe('exit');
});

test('one that is not up yet is not waited for', () => {
  const trial = Trial.started();
  trial.spares.spawn(trial.callbacks);
  expect(trial.executors.all).toHaveLength(3);
  trial.executors.all[2]?.start();
  expect(trial.heard).toEqual(['started false', 'started false']);
  // The spare of before is enough.
  expect(trial.executors.all).toHaveLength(3);
});

test('one that fails to come up is not replaced until another has come up', () => {
  const trial = Trial.started();
  trial.executors.all[1]?.exit({ code: 1, signal: undefined });
  expect(trial.executors.all).toHaveLength(2);
  trial.spares.spawn(trial.callbacks);
  trial.executors.all[2]?.start();
  expect(trial.executors.all).toHaveLength(4);
});

test('those that wait are ended with the rest', () => {
  const trial = Trial.started();
  trial.spares[Symbol.dispose]();
  expect(trial.executors.all.map(({ isKilled }) => isKilled)).toEqual([false, true]);
});
