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
import type { InsertedJob, JobStore, NewJob } from '../db/job-store.ts';
import type { JobRules } from '../job-rules.ts';
import { checkMetadata } from '../job-metadata.ts';
import type { JobMetadata } from '../job-metadata.ts';
import type { EffectRunner } from '../effects/effect-runner.ts';
import type { Journal } from '../journal/journal.ts';
import type { LongWork } from '../long-work.ts';
import type { JobEffect } from '../machine/job-effect.ts';
import { JobMachine } from '../machine/job-machine.ts';
import { checkText } from '../rpc/check.ts';

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
  readonly journal: Pick<Journal, 'submit' | 'flush'>;
  readonly store: Pick<JobStore, 'findJobByKey'>;
  readonly cache: JobCache;
  readonly runner: Pick<EffectRunner, 'enter'>;
  /** Draws keys that nobody can guess. */
  readonly rng: Rng;
}

export interface SubmitOptions extends EnterOptions {
  /** Of jobs that do not ask for one. */
  readonly durability: Durability;
  readonly rules: JobRules;
  /** Tasks of a job, and bytes of its graph and of its inputs. */
  readonly tasksMax: number;
  readonly bytesMax: number;
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
  checkJobBytes('task_graph', submission.taskGraph.length, options.bytesMax);
  checkJobBytes('inputs', inputs.length, options.bytesMax);
  const graph = await options.work.run(decodeTaskGraphInSteps(submission.taskGraph));
  if (graph.taskCount === 0) throw invalidArgument('task_graph: has no tasks');
  if (graph.taskCount > options.tasksMax) {
    const rule = `more than the ${options.tasksMax} of runtime.limits.tasks_per_job`;
    throw invalidArgument(`task_graph: has ${graph.taskCount} tasks, ${rule}`);
  }
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
      ...options.rules,
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

/** @throws SpiderError 'invalid-argument' naming the field and the limit. */
export function checkJobBytes(field: string, bytes: bigint | number, most: number): void {
  if (bytes <= most) return;
  const rule = `more than the ${most} of runtime.limits.job_bytes`;
  throw invalidArgument(`${field}: ${bytes} bytes are ${rule}`);
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
  options: EnterOptions,
): Promise<InsertedJob> {
  const { journal, cache, runner, rng } = options;
  const { state, submittedAt, metadata, policy, retry } = newJob;
  const idempotencyKey = newJob.idempotencyKey ?? randomKey(rng);
  const admitted = await admit(newJob, options);
  if ('id' in admitted) return admitted;
  using _admitted = admitted;
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
 * Keeps room for a job. There need not be any for one that is there already, which is answered then.
 *
 * @throws SpiderError 'resource-exhausted' naming the limit.
 */
async function admit(
  { taskCount, resourceGroupId, idempotencyKey }: NewJob,
  { cache, journal, store }: EnterOptions,
): Promise<Disposable | InsertedJob> {
  try {
    return cache.admit(taskCount);
  } catch (error) {
    if (idempotencyKey === undefined) throw error;
    // The first submission may be under way.
    await journal.flush();
    const existing = await store.findJobByKey(resourceGroupId, idempotencyKey);
    if (existing === undefined) throw error;
    return existing;
  }
}

/**
 * Whether a job that was found by its key is of this very submission: its commit was durable, but the
 * answer was lost, so that it was repeated. All other jobs that have not ended are in the cache.
 */
const isOurs = ({ id, state }: InsertedJob, cache: JobCache): boolean =>
  !isFinalJobState(state) && cache.status(id) === undefined;
