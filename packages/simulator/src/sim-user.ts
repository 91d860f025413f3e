import { Code, ConnectError, createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import {
  decodeFrame,
  decodeSerializedOutputs,
  encodeFrame,
  encodeTaskGraph,
  isFinalJobState,
  JobState,
} from '@spider/core';
import type { Zstd } from '@spider/core';
import {
  ClusterService,
  fromWireJobState,
  JobService,
  WireDurability,
  WireFailurePolicy,
} from '@spider/proto';
import type { JobStatus } from '@spider/proto';

import type { JobSpec } from './job-spec.ts';
import { lookAround } from './look-around.ts';
import type { Observer, ReportViolation } from './observer.ts';
import type { SimConnection } from './sim-connection.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';

export interface SimUserOptions {
  readonly process: SimProcess;
  readonly network: SimNetwork;
  readonly storageUrls: readonly string[];
  readonly zstd: Zstd;
  readonly observer: Required<Observer>;
  /** Told when a call is answered with what no user should see. */
  readonly violated: ReportViolation;
}

const DURABILITIES = {
  job: WireDurability.JOB,
  task: WireDurability.TASK,
  sync: WireDurability.SYNC,
} as const;

/** Submits jobs, watches them and now and then changes its mind; never gives up. */
export class SimUser {
  readonly #options: SimUserOptions;
  readonly #connections: readonly SimConnection[];
  readonly #clients: readonly Client<typeof JobService>[];
  #current = 0;

  constructor(options: SimUserOptions) {
    this.#options = options;
    const { network, process, storageUrls } = options;
    this.#connections = storageUrls.map((url) => network.connect(process, url));
    this.#clients = this.#connections.map((connection) => createClient(JobService, connection));
  }

  /** Resolves when the user has seen the job's end, and that of its retry. */
  async live(spec: JobSpec): Promise<void> {
    await this.#sleep(spec.submitAtMs);
    const { jobId, state } = await this.#call((client) =>
      client.submitJob({
        resourceGroupId: BigInt(spec.group),
        taskGraph: encodeTaskGraph(spec.graph),
        inputs: encodeFrame(spec.inputs),
        start: spec.startAfterMs === undefined,
        idempotencyKey: spec.name,
        name: spec.name,
        priority: spec.priority,
        requires: spec.requires,
        maxConcurrency: spec.maxConcurrency,
        durability: DURABILITIES[spec.durability],
        failurePolicy: spec.goesOnAfterFailure
          ? WireFailurePolicy.CONTINUE
          : WireFailurePolicy.FAIL_FAST,
        cleanupAfterFailure: spec.cleansUpAfterFailure,
        deadlineMs: BigInt(spec.deadlineMs ?? 0),
      }),
    );
    this.#submitted(jobId, spec);
    const cancelling = this.#cancelAtTime(spec, jobId);
    const hasEnded = new AbortController();
    const looking = this.#lookAround(spec, jobId, hasEnded.signal);
    if (fromWireJobState(state) === JobState.Ready) await this.#startLater(spec, jobId);
    const end = await this.#watchToEnd(spec, jobId);
    hasEnded.abort();
    await Promise.all([cancelling, looking]);
    if (fromWireJobState(end.state) !== JobState.Failed || !spec.isRetried) return;
    const retry = await this.#call((client) =>
      client.retryJob({ jobId, idempotencyKey: `${spec.name} again`, start: true }),
    );
    this.#submitted(retry.jobId, spec);
    await this.#watchToEnd(spec, retry.jobId);
  }

  /** Asks once, as one who looks after the cluster would. */
  async drain(executionManagerId: bigint): Promise<void> {
    for (const connection of this.#connections) {
      const client = createClient(ClusterService, connection);
      await client.drainExecutionManager({ executionManagerId }).catch(() => undefined);
    }
  }

  async #startLater(spec: JobSpec, jobId: bigint): Promise<void> {
    await this.#sleep(spec.startAfterMs ?? 0);
    // It was started by a call whose answer got lost, or cancelled in the meantime.
    await this.#call((client) => client.startJob({ jobId }), Code.FailedPrecondition);
  }

  async #cancelAtTime(spec: JobSpec, jobId: bigint): Promise<void> {
    if (spec.cancelAtMs === undefined) return;
    await this.#sleep(spec.cancelAtMs - spec.submitAtMs);
    const { observer } = this.#options;
    const answer = await this.#call(
      (client) => client.cancelJob({ jobId }),
      Code.FailedPrecondition,
    );
    if (answer !== undefined) {
      observer.cancelAnswered(Number(jobId), this.#nowMs());
    }
  }

  async #lookAround({ looks }: JobSpec, jobId: bigint, signal: AbortSignal): Promise<void> {
    const { process, violated } = this.#options;
    for (let look = 0; look < looks; look++) {
      await process.clock.sleep(process.rng.float() * 2_000, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const connections = this.#connections;
      const connection = connections[process.rng.uint32() % connections.length] as SimConnection;
      const error = await lookAround(connection, jobId, process.rng);
      if (error !== undefined) violated(error);
    }
  }

  async #watchToEnd(spec: JobSpec, jobId: bigint): Promise<JobStatus> {
    const { observer } = this.#options;
    const end = await this.#call((client) => this.#watch(client, jobId));
    const state = fromWireJobState(end.state);
    const outputs = state === JobState.Succeeded ? await this.#outputs(jobId) : undefined;
    observer.jobEnded({
      jobId: Number(jobId),
      spec,
      state,
      succeededTasks: end.succeededTasks,
      errorMessage: end.errorMessage,
      outputs,
    });
    return end;
  }

  async #watch(client: Client<typeof JobService>, jobId: bigint): Promise<JobStatus> {
    for await (const { status } of client.watchJob({ jobId })) {
      if (status === undefined) continue;
      this.#options.observer.progressSeen(Number(jobId), status.flushedTasks);
      if (isFinalJobState(fromWireJobState(status.state))) return status;
    }
    throw new ConnectError('the watch has ended before the job', Code.Unavailable);
  }

  async #outputs(jobId: bigint): Promise<readonly Uint8Array[]> {
    const { zstd } = this.#options;
    const { serializedOutputs } = await this.#call((client) => client.getJobOutputs({ jobId }));
    return decodeFrame(decodeSerializedOutputs(serializedOutputs, zstd));
  }

  /** Calls until there is an answer. Answers undefined for an error that is expected. */
  async #call<T>(call: (client: Client<typeof JobService>) => Promise<T>): Promise<T>;
  async #call<T>(
    call: (client: Client<typeof JobService>) => Promise<T>,
    expected: Code,
  ): Promise<T | undefined>;
  async #call<T>(
    call: (client: Client<typeof JobService>) => Promise<T>,
    expected?: Code,
  ): Promise<T | undefined> {
    const { process, violated } = this.#options;
    for (;;) {
      try {
        return await call(this.#clients[this.#current] as Client<typeof JobService>);
      } catch (error) {
        const { code, message } = ConnectError.from(error);
        if (code === expected) return undefined;
        if (code !== Code.Unavailable && code !== Code.Canceled) violated(message);
        this.#current = (this.#current + 1) % this.#clients.length;
        await this.#sleep(50 + process.rng.float() * 200);
      }
    }
  }

  #submitted(jobId: bigint, spec: JobSpec): void {
    this.#options.observer.jobSubmitted({ jobId: Number(jobId), spec }, this.#nowMs());
  }

  #nowMs(): number {
    return this.#options.process.clock.monotonicUs() / 1000;
  }

  async #sleep(delayMs: number): Promise<void> {
    await this.#options.process.clock.sleep(delayMs);
  }
}
