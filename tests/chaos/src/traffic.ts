import { connect, type JobHandle, type SpiderClient, SpiderError } from '@spider/client';
import { isFinalJobState, JobState, jobStateName } from '@spider/core';
import { type ChaosJob, drawJob, expectedOutputs } from './workload.ts';

/** What became of one job. */
export interface JobResult {
  readonly job: ChaosJob;
  /** Undefined if it could not be submitted. */
  jobId: string | undefined;
  /** As it was seen last. */
  state: JobState | undefined;
  wasCancelled: boolean;
  /** Set if the outputs are not those of a sequential evaluation. */
  wrongOutputs: string | undefined;
  /** What went wrong beside that. */
  problem: string | undefined;
}

export interface TrafficOptions {
  readonly seed: number;
  /** Jobs at a time. */
  readonly jobs: number;
  /** Where storage may be. */
  readonly endpoints: readonly string[];
  /** Which jobs; those of the chaos run by default. */
  readonly draw?: (seed: number, number: number) => ChaosJob;
  /** No job is begun any more. */
  readonly end: AbortSignal;
  /** No job is waited for any more. */
  readonly deadline: AbortSignal;
}

/** Keeps so many jobs running until the end; resolves when all have ended, or at the deadline. */
export async function runTraffic(options: TrafficOptions): Promise<JobResult[]> {
  using client = connect({ endpoints: options.endpoints });
  const results: JobResult[] = [];
  const draw = options.draw ?? drawJob;
  const lane = async (): Promise<void> => {
    while (!options.end.aborted) {
      const job = draw(options.seed, results.length);
      const result: JobResult = {
        job,
        jobId: undefined,
        state: undefined,
        wasCancelled: false,
        wrongOutputs: undefined,
        problem: undefined,
      };
      results.push(result);
      try {
        await runJob(client, result, options);
      } catch (error) {
        result.problem = error instanceof Error ? error.message : String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, lane));
  return results;
}

async function runJob(
  client: SpiderClient,
  result: JobResult,
  { seed, deadline }: TrafficOptions,
): Promise<void> {
  const { job } = result;
  const { graph, inputs, number, startsSeparately } = job;
  const handle = await persist(deadline, () =>
    client.submitGraph(graph, inputs, {
      start: !startsSeparately,
      idempotencyKey: `chaos/${seed}/${number}`,
      signal: deadline,
    }),
  );
  result.jobId = String(handle.id);
  if (startsSeparately) {
    await ask(handle, deadline, (state) => state !== JobState.Ready, 'start');
  }
  const cancellation = cancelInTime(handle, result, deadline);
  // It is waited for below, and may fail before.
  cancellation.catch(() => undefined);
  const status = await persist(deadline, () => handle.wait({ signal: deadline }));
  result.state = status.state;
  await cancellation;
  if (status.state === JobState.Succeeded) {
    const outputs = await persist(deadline, () => handle.outputs({ signal: deadline }));
    result.wrongOutputs = compare(outputs, expectedOutputs(job));
  } else if (status.state === JobState.Failed || !result.wasCancelled) {
    result.problem = `it is ${jobStateName(status.state)}: ${status.errorMessage}`;
  }
}

async function cancelInTime(
  handle: JobHandle,
  result: JobResult,
  deadline: AbortSignal,
): Promise<void> {
  const { cancelAfterMs } = result.job;
  if (cancelAfterMs === undefined) return;
  await sleep(cancelAfterMs);
  const isDone = (state: JobState): boolean =>
    isFinalJobState(state) || state === JobState.CleanupReady;
  result.wasCancelled = true;
  await ask(handle, deadline, isDone, 'cancel');
}

/** Starts or cancels a job, again if nobody knows whether it was. */
async function ask(
  handle: JobHandle,
  deadline: AbortSignal,
  isDone: (state: JobState) => boolean,
  request: 'start' | 'cancel',
): Promise<void> {
  await persist(deadline, async () => {
    try {
      await handle[request]({ signal: deadline });
    } catch (error) {
      if (!(error instanceof SpiderError)) throw error;
      if (error.code !== 'unavailable' && error.code !== 'failed-precondition') throw error;
      const state = await handle.state({ signal: deadline });
      if (isDone(state)) return;
      throw error;
    }
  });
}

const RETRY_MS = 200;

/** Repeats what fails only because storage does not answer. */
async function persist<T>(deadline: AbortSignal, run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (deadline.aborted) throw new Error('the deadline is over', { cause: error });
      if (!(error instanceof SpiderError) || error.code !== 'unavailable') throw error;
    }
    await sleep(RETRY_MS);
  }
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

function compare(
  outputs: readonly Uint8Array[],
  expected: readonly Uint8Array[],
): string | undefined {
  if (outputs.length !== expected.length) {
    return `${outputs.length} outputs, not ${expected.length}`;
  }
  const differing = expected.flatMap((bytes, at) =>
    Buffer.compare(bytes, outputs[at] ?? new Uint8Array(0)) === 0 ? [] : [at],
  );
  return differing.length === 0
    ? undefined
    : `${differing.length} of ${expected.length} outputs differ, the first is ${differing[0]}`;
}
