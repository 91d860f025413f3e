import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, TaskOutcome, type TaskGraph } from '@spider/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { graphOf, type TestTask } from '../../test/machine/graph-of.ts';
import type { FailureRules, ModelAttempt } from '../../test/machine/job-model.ts';
import { JobPair, outputsOf, type Issued } from '../../test/machine/job-pair.ts';

const CONSTANTS = [Uint8Array.of(0xc0), new Uint8Array(50).fill(0xc1)];
const JOB_INPUTS = [Uint8Array.of(), Uint8Array.of(1, 2, 3), new Uint8Array(60).fill(9)];

const natural = fc.nat({ max: 1_000 });
const executionManager = fc.integer({ min: 1, max: 3 });

interface TaskRecipe {
  readonly sources: readonly number[];
  readonly after: readonly number[];
  readonly outputs: number;
  readonly maxRetries: number;
  readonly maxInstances: number;
}

const taskRecipe = fc.record<TaskRecipe>({
  sources: fc.array(natural, { maxLength: 4 }),
  after: fc.array(natural, { maxLength: 2 }),
  outputs: fc.nat({ max: 2 }),
  maxRetries: fc.nat({ max: 4 }),
  maxInstances: fc.integer({ min: 1, max: 3 }),
});

const graph: fc.Arbitrary<TaskGraph> = fc
  .record({
    tasks: fc.array(taskRecipe, { minLength: 1, maxLength: 8 }),
    commit: fc.boolean(),
    cleanup: fc.boolean(),
    maxRetries: fc.nat({ max: 1 }),
    maxInstances: fc.integer({ min: 1, max: 2 }),
  })
  .map(({ tasks, commit, cleanup, maxRetries, maxInstances }) =>
    graphOf(
      tasks.map((recipe, index) => toTask(recipe, index, tasks)),
      {
        commit,
        cleanup,
        policy: { maxRetries, maxInstances },
        jobInputs: JOB_INPUTS.length,
        constants: CONSTANTS,
      },
    ),
  );

const policy = fc.record<FailureRules>({
  failurePolicy: fc.constantFrom('fail-fast', 'continue'),
  cleanupAfterFailure: fc.boolean(),
});

function toTask(recipe: TaskRecipe, index: number, tasks: readonly TaskRecipe[]): TestTask {
  return {
    from: recipe.sources.map((source) => {
      const task = source % (index + 2);
      const outputs = tasks[task]?.outputs ?? 0;
      if (task < index && outputs > 0) return { from: 'task', task, position: source % outputs };
      if (source % 2 === 0) return { from: 'constant', constant: source % CONSTANTS.length };
      return { from: 'job-input', input: source % JOB_INPUTS.length };
    }),
    after: index === 0 ? [] : recipe.after.map((after) => after % index),
    outputs: recipe.outputs,
    policy: { maxRetries: recipe.maxRetries, maxInstances: recipe.maxInstances },
  };
}

/** One step of both; the model of fast-check's own is not needed, the pair has it. */
class Step implements fc.Command<object, JobPair> {
  readonly #text: string;
  readonly #run: (pair: JobPair) => void;

  constructor(text: string, run: (pair: JobPair) => void) {
    this.#text = text;
    this.#run = run;
  }

  check(): boolean {
    return true;
  }

  run(_model: object, pair: JobPair): void {
    this.#run(pair);
  }

  toString(): string {
    return this.#text;
  }
}

/** A task by number: most often a regular one, else a termination task or none at all. */
function taskIndex(choice: number): number {
  if (choice % 7 === 5) return COMMIT_TASK_INDEX;
  if (choice % 7 === 6) return CLEANUP_TASK_INDEX;
  return choice % 9;
}

/** An instance: most often one that is out, else any that was ever issued, or none. */
function instanceAt(pair: JobPair, choice: number): Issued {
  const live = [...pair.model.tasks.values()].flatMap((task) =>
    [...task.live].map(([instance, owner]) => ({
      task: task.index,
      instance,
      executionManager: owner,
    })),
  );
  const all = choice % 4 === 0 ? pair.issued : live;
  return (
    all[choice % Math.max(all.length, 1)] ?? { task: 0, instance: choice, executionManager: 1 }
  );
}

/** Mostly successes: a job is to get somewhere before it fails. */
function outcomeAt(choice: number): TaskOutcome {
  if (choice % 20 < 14) return TaskOutcome.Succeeded;
  if (choice % 20 < 17) return TaskOutcome.Released;
  return choice % 60 === 59 ? TaskOutcome.FailedForGood : TaskOutcome.Failed;
}

function attemptOf(pair: JobPair, issued: Issued, choice: number): ModelAttempt {
  const count = pair.model.tasks.get(issued.task)?.outputCount ?? 0;
  const outputs = outputsOf(issued, choice % 29 === 28 ? count + 1 : count);
  const { task, instance } = issued;
  return { task, instance, outcome: outcomeAt(choice), outputs };
}

/** Hands out, leases and reports: what moves a job on. */
const advance = fc.tuple(natural, executionManager, fc.array(fc.tuple(natural, natural))).map(
  ([limit, em, reports]) =>
    new Step(`advance(${limit}, EM ${em}, ${JSON.stringify(reports)})`, (pair) => {
      pair.settle(true);
      pair.takeReady(1 + (limit % 4));
      const wanted = [...pair.model.tasks.values()].filter((task) => task.wanted === 'handed out');
      pair.lease(
        wanted.map((task) => task.index),
        em,
      );
      const attempts = reports.map(([choice, kind]) =>
        attemptOf(pair, instanceAt(pair, choice), kind),
      );
      pair.report(attempts, em);
    }),
);

const step = (name: string, run: (pair: JobPair, choice: number, em: number) => void) =>
  fc
    .tuple(natural, executionManager)
    .map(
      ([choice, em]) => new Step(`${name}(${choice}, EM ${em})`, (pair) => run(pair, choice, em)),
    );

/** Everything leaves memory that can, or but a part of it. */
const spill = step('spill', (pair, choice) => {
  if (choice % 4 > 0) pair.journaled(Infinity);
  pair.spill(1 + (choice % 8));
});

const commands = fc.commands<object, JobPair>(
  [
    advance,
    advance,
    advance,
    step('start', (pair) => pair.request('start')),
    step('persisted', (pair) => pair.settle(true)),
    step('persist failed', (pair, choice) => pair.settle(choice % 8 !== 0)),
    step('take ready', (pair, choice) => pair.takeReady(choice % 4)),
    step('lease', (pair, choice, em) =>
      pair.lease([taskIndex(choice), choice % 3, choice % 5], em),
    ),
    step('report', (pair, choice, em) => {
      const first = instanceAt(pair, choice);
      const second = instanceAt(pair, choice + 1);
      const owner = choice % 6 === 0 ? em : first.executionManager;
      pair.report([attemptOf(pair, first, choice), attemptOf(pair, second, choice + 3)], owner);
    }),
    step('soft timeout', (pair, choice) => pair.softTimeout(instanceAt(pair, choice))),
    step('hand-outs lost', (pair) => pair.handOutsLost()),
    step('execution manager lost', (pair, _choice, em) => pair.loseExecutionManager(em)),
    step('reconcile', (pair, choice, em) => {
      const held = pair.issued.filter((_, i) => ((choice >> (i % 10)) & 1) === 1);
      pair.reconcile(em, held);
    }),
    step('claims over', (pair, choice) => choice % 4 === 0 && pair.claimsOver()),
    step('cancel', (pair, choice) => {
      if (choice % 8 !== 0) return;
      pair.request('cancel', choice % 16 === 0 ? 'why not' : undefined, choice % 5 === 0);
    }),
    step('fail', (pair, choice) => choice % 25 === 0 && pair.request('fail')),
    step('deadline', (pair, choice) => choice % 20 === 0 && pair.request('deadline')),
    step('cleanup overdue', (pair, choice) => choice % 3 === 0 && pair.cleanupOverdue()),
    step('journaled', (pair, choice) => pair.journaled(choice % 4)),
    spill,
    spill,
    spill,
    step('read back', (pair, choice) => choice % 3 === 0 && pair.readBack(choice % 20)),
  ],
  { size: '+1', maxCommands: 80 },
);

test('the machine does what the model does, whatever happens', () => {
  let ended = 0;
  let recalls = 0;
  fc.assert(
    fc.property(graph, policy, commands, (taskGraph, rules, steps) => {
      let pair: JobPair | undefined;
      fc.modelRun(() => {
        pair = new JobPair(taskGraph, JOB_INPUTS, rules);
        pair.request('start');
        pair.settle(true);
        return { model: {}, real: pair };
      }, steps);
      if (pair !== undefined && pair.machine.state > 4) ended += 1;
      recalls += pair?.recalls ?? 0;
    }),
    { numRuns: 300 },
  );
  // Most jobs get somewhere; otherwise the test would test little.
  expect(ended).toBeGreaterThan(60);
  expect(recalls).toBeGreaterThan(20);
});
