import {
  decodeTaskGraphInSteps,
  DEFAULT_JOB_POLICY,
  frameBounds,
  invalidArgument,
  isFinalJobState,
  JobState,
  LIMITS,
  notFound,
} from '@spider/core';
import type { Durability, JobId, JobPolicy, ResourceGroupId } from '@spider/core';
import { randomKey } from '@spider/runtime';
import type { Clock, Rng } from '@spider/runtime';
import { Job } from '../cache/job.ts';
import type { JobCache } from '../cache/job-cache.ts';
import type { InsertedJob, NewJob } from '../db/job-store.ts';
import { checkMetadata } from '../job-metadata.ts';
import type { JobMetadata } from '../job-metadata.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import type { Journal } from '../journal/journal.ts';
import type { LongWork } from '../long-work.ts';
import type { JobEffect } from '../machine/job-effect.ts';
import { JobMachine } from '../machine/job-machine.ts';
import { checkBytes, checkText } from '../rpc/check.ts';

export interface Submission {
  /** 0 stands for the default group. */
  readonly resourceGroupId: ResourceGroupId;
  /** The columnar form. */
  readonly taskGraph: Uint8Array;
  /** A wire frame with one payload for each job input. Kept as long as the job, and all it is a view of. */
  readonly inputs: Uint8Array;
  /** Also start the job. */
  readonly start: boolean;
  /** Empty for none. */
  readonly idempotencyKey: string;
  /** By default no name, no labels and priority 0. */
  readonly metadata?: JobMetadata | undefined;
  /** By default that of DEFAULT_JOB_POLICY. */
  readonly policy?: JobPolicy | undefined;
}

export interface SubmittedJob {
  readonly id: JobId;
  readonly state: JobState;
  readonly existed: boolean;
}

export interface EnterOptions {
  readonly clock: Clock;
  readonly work: LongWork;
  readonly journal: Pick<Journal, 'submit'>;
  readonly cache: JobCache;
  readonly runner: Pick<EffectRunner, 'enter'>;
  /** Draws keys that nobody can guess. */
  readonly rng: Rng;
}

export interface SubmitOptions extends EnterOptions {
  /** Of jobs that do not ask for one. */
  readonly durability: Durability;
  /** Kinds of tasks of which only so many may be out at a time, as package/function. */
  readonly limitedKinds: ReadonlySet<string>;
}

/**
 * Validates a job, makes it durable, started if it is to be, and puts it into the cache.
 *
 * @throws SpiderError 'invalid-argument' naming what is wrong with graph or inputs, 'not-found' for a
 * resource group that does not exist.
 */
export async function submitJob(
  submission: Submission,
  options: SubmitOptions,
): Promise<SubmittedJob> {
  checkSubmission(submission);
  const { start, resourceGroupId, idempotencyKey, metadata, inputs } = submission;
  const { policy = DEFAULT_JOB_POLICY } = submission;
  checkBytes('task_graph', submission.taskGraph.length, LIMITS.submissionBytes);
  checkBytes('inputs', inputs.length, LIMITS.submissionBytes);
  const graph = await options.work.run(decodeTaskGraphInSteps(submission.taskGraph));
  if (graph.taskCount === 0) throw invalidArgument('task_graph: has no tasks');
  const inputCount = frameBounds(inputs).length / 2;
  if (inputCount !== graph.jobInputs.length) {
    throw invalidArgument(
      `inputs: has ${inputCount} payloads, but the graph takes ${graph.jobInputs.length}`,
    );
  }
  const newJob: NewJob = {
    resourceGroupId,
    state: start ? JobState.Running : JobState.Ready,
    inputs,
    submittedAt: options.clock.now(),
    metadata,
    policy: { ...policy, durability: policy.durability ?? options.durability },
    idempotencyKey: idempotencyKey === '' ? undefined : idempotencyKey,
    taskCount: graph.taskCount,
    graph: submission.taskGraph,
  };
  const toMachine = (name: string): NewMachine => ({
    machine: new JobMachine({
      name,
      graph,
      inputs,
      policy,
      state: newJob.state,
      limitedKinds: options.limitedKinds,
    }),
    effects: [],
  });
  return await enterJob(newJob, toMachine, options);
}

/**
 * Checks what can be checked before graph and inputs are there.
 *
 * @throws SpiderError 'invalid-argument' naming the field and the limit.
 */
export function checkSubmission({ idempotencyKey, metadata }: Submission): void {
  checkText('idempotency_key', idempotencyKey, LIMITS.idempotencyKeyBytes);
  if (metadata !== undefined) checkMetadata(metadata);
}

/** A machine that nobody knows yet, and what it has asked for. */
export interface NewMachine {
  readonly machine: JobMachine;
  readonly effects: readonly JobEffect[];
}

/**
 * Makes a valid job durable and puts it into the cache. Without a key it gets one: a commit is repeated
 * when its answer is lost, and must find what it has written.
 *
 * @param toMachine makes the job's machine, given its name.
 * @throws SpiderError 'not-found' for a resource group that does not exist.
 */
export async function enterJob(
  newJob: NewJob,
  toMachine: (name: string) => NewMachine,
  { journal, cache, runner, rng }: EnterOptions,
): Promise<InsertedJob> {
  const { state, submittedAt, metadata, policy, retry } = newJob;
  const idempotencyKey = newJob.idempotencyKey ?? randomKey(rng);
  using _admitted = cache.admit(newJob.taskCount);
  const result = await journal.submit({ ...newJob, idempotencyKey });
  if (result.kind === 'no-resource-group') {
    throw notFound(`resource group ${newJob.resourceGroupId} does not exist`);
  }
  const inserted = result.job;
  if (inserted.existed && !isOurs(inserted, cache)) return inserted;
  const { machine, effects } = toMachine(`job ${inserted.id}`);
  const job = new Job({
    id: inserted.id,
    resourceGroupId: inserted.resourceGroupId,
    machine,
    submittedAt,
    metadata,
    policy,
    startedAt: state === JobState.Running ? submittedAt : undefined,
    retryOf: retry?.retryOf,
  });
  const succeededTasks = retry?.succeededTasks ?? 0;
  job.journal.resumeAfter(retry?.journal.length ?? 0, succeededTasks);
  job.tasksFlushed(succeededTasks);
  cache.add(job);
  runner.enter(job, effects);
  return { ...inserted, existed: false };
}

/**
 * Whether a job that was found by its key is of this very submission: its commit was durable, but the
 * answer was lost, so that it was repeated. All other jobs that have not ended are in the cache.
 */
const isOurs = ({ id, state }: InsertedJob, cache: JobCache): boolean =>
  !isFinalJobState(state) && cache.status(id) === undefined;
