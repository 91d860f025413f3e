import {
  invalidArgument,
  decodeFrame,
  encodeTaskGraph,
  type JobId,
  type ResourceGroupId,
  type TaskGraph,
  toId,
  type Types,
  type ValuesOf,
  type Zstd,
} from '@spider/core';
import { type ClientTls, type Clock, randomKey, type Rng } from '@spider/runtime';
import { CryptoRng, nodeZstd, systemClock } from '@spider/runtime/node';
import { Cluster } from './cluster.ts';
import type { JobDefinition } from './job/define-job.ts';
import { JobHandle, type JobHandleContext, type RequestOptions } from './job-handle.ts';
import { type JobPolicyOptions, toWirePolicy } from './job-policy.ts';
import type { JobStatus } from './job-status.ts';
import { type JobFilter, listJobs, type ListOptions } from './list-jobs.ts';
import { JobServiceCaller } from './job-service-caller.ts';
import { type CallIdentity, FixedToken, Login } from './login.ts';
import { sendJob } from './send-job.ts';
import { addResourceGroup, verifyResourceGroup } from './resource-groups.ts';

export interface ConnectOptions {
  /**
   * Where storage may be found, such as `http://127.0.0.1:50051`. When one does not answer, the next
   * is tried.
   */
  readonly endpoints: readonly string[];
  /**
   * Whose this client is: the name of a resource group. The client logs in with the password before its
   * first call, and again in time, and submits its jobs for this group. Default: nobody's.
   */
  readonly resourceGroup?: string;
  /** Of the resource group; both are given, or neither is. */
  readonly password?: string;
  /** Instead of group and password: a token that storage knows, such as that of an administrator. */
  readonly token?: string;
  /** For https:// endpoints: whom to trust, and the certificate to show to those that ask for one. */
  readonly tls?: ClientTls;
  /** The system's by default. */
  readonly clock?: Clock;
  /** Draws idempotency keys and pauses; the system's generator by default. */
  readonly rng?: Rng;
  /** Decompresses outputs; that of Node by default. */
  readonly zstd?: Zstd;
}

export interface SubmitOptions extends RequestOptions, JobPolicyOptions {
  /** Also starts the job. Default: false; `start()` of the handle does it later. */
  readonly start?: boolean;
  /** Whose the job is. Default: the client's own group, or the one that every storage has. */
  readonly resourceGroupId?: ResourceGroupId;
  /**
   * Names the submission, in at most 256 bytes, so that it is not made twice: a second one with the
   * same key in the same group answers the first one's job. Default: a random one, for the repetitions
   * of this call alone.
   */
  readonly idempotencyKey?: string;
  /** For people to read and to search for, in at most 256 bytes. */
  readonly name?: string;
  /** To find the job by: at most 64, keys of 1 to 64 bytes, values of at most 256. */
  readonly labels?: Readonly<Record<string, string>>;
  /** An integer of 32 bits. Jobs of higher priority go first within their group. Default: 0. */
  readonly priority?: number;
  /**
   * Labels that an execution manager must have, with these values, to run the job's tasks; at most 16.
   * As long as none has them the job's status says so. Default: none.
   */
  readonly requires?: Readonly<Record<string, string>>;
  /** How many of the job's tasks may run, or be on their way, at the same time. Default: any number. */
  readonly maxConcurrency?: number;
}

const DEFAULT_RESOURCE_GROUP = 0n;

/** On the wire 0 stands for any number. */
function checkConcurrency(most = 0): number {
  if (most === 0 || (Number.isInteger(most) && most > 0 && most <= 0xffff_ffff)) return most;
  throw invalidArgument(`maxConcurrency: ${most} is not in 1…4294967295`);
}

/**
 * Connects to storage, lazily: the first request opens the connection. Close the client to let the
 * process end, best with `using`.
 *
 * @throws SpiderError 'invalid-argument' if there is no endpoint, one is no URL or not encrypted though
 * TLS is set up, or half of the credentials is missing. Wrong ones show with the first request, as 'unauthenticated'.
 *
 * @example
 *   using client = connect({ endpoints: ['http://127.0.0.1:50051'] });
 *   const handle = await client.submit(job, [1, 2], { start: true });
 *   const [square] = await handle.outputs();
 */
export function connect(options: ConnectOptions): SpiderClient {
  return new SpiderClient(options);
}

function identityOf(
  { resourceGroup, password, token }: ConnectOptions,
  clock: Clock,
): CallIdentity | undefined {
  const hasLogin = resourceGroup !== undefined || password !== undefined;
  if (token !== undefined && hasLogin) {
    throw invalidArgument('token: give either this, or resourceGroup and password');
  }
  if (token !== undefined) return new FixedToken(token);
  if (!hasLogin) return undefined;
  if (resourceGroup === undefined || password === undefined) {
    throw invalidArgument('resourceGroup and password: give both, or neither');
  }
  return new Login({ resourceGroup, password }, clock);
}

/** Submits jobs and finds them again; see `connect`. */
export class SpiderClient implements Disposable {
  /** The processes that run the jobs. */
  readonly cluster: Cluster;
  readonly #context: JobHandleContext;

  constructor(options: ConnectOptions) {
    const { endpoints, clock = systemClock, rng = new CryptoRng(), zstd = nodeZstd } = options;
    const caller = new JobServiceCaller({
      endpoints,
      clock,
      rng,
      identity: identityOf(options, clock),
      tls: options.tls,
    });
    this.#context = { caller, clock, rng, zstd };
    this.cluster = new Cluster(caller);
  }

  /**
   * Submits a job with its inputs.
   *
   * @throws SpiderError 'invalid-argument' if an input is missing or of another type.
   */
  async submit<Inputs extends Types, Outputs>(
    job: JobDefinition<Inputs, Outputs>,
    inputs: ValuesOf<Inputs>,
    options: SubmitOptions = {},
  ): Promise<JobHandle<Outputs>> {
    const all = { ...job.policy, ...options };
    const jobId = await this.#submit(job.graph, job.encodeInputs(inputs), all);
    return this.job(jobId, job);
  }

  /** As `submit`, and starts the job in the same request. */
  submitAndStart<Inputs extends Types, Outputs>(
    job: JobDefinition<Inputs, Outputs>,
    inputs: ValuesOf<Inputs>,
    options: Omit<SubmitOptions, 'start'> = {},
  ): Promise<JobHandle<Outputs>> {
    return this.submit(job, inputs, { ...options, start: true });
  }

  /**
   * Submits a task graph that was built with core's TaskGraphBuilder.
   *
   * @param inputs a wire frame with one MessagePack value for each job input.
   * @returns a handle whose outputs are MessagePack values too.
   */
  async submitGraph(
    graph: TaskGraph,
    inputs: Uint8Array,
    options: SubmitOptions = {},
  ): Promise<JobHandle> {
    return this.job(await this.#submit(graph, inputs, options));
  }

  /**
   * A handle of a job that was submitted before. Whether the job exists shows with the first request.
   *
   * @param definition types and decodes the outputs; without it they are MessagePack values.
   */
  job<Outputs = readonly Uint8Array[]>(
    id: JobId,
    definition?: Pick<JobDefinition<Types, Outputs>, 'decodeOutputs'>,
  ): JobHandle<Outputs> {
    const decodeOutputs = (frame: Uint8Array): Outputs =>
      definition ? definition.decodeOutputs(frame) : (decodeFrame(frame) as Outputs);
    return new JobHandle(id, this.#context, decodeOutputs);
  }

  /**
   * The jobs that pass a filter, the newest first. They are fetched in pages, the next one when the
   * loop gets there; breaking out of the loop is fine.
   *
   * @throws SpiderError 'invalid-argument' if a value of the filter exceeds its limit.
   *
   * @example
   *   for await (const job of client.jobs({ states: [JobState.Failed], labels: { team: 'vision' } })) {
   *     console.log(job.jobId, job.name, job.errorMessage);
   *   }
   */
  jobs(options: JobFilter & ListOptions = {}): AsyncGenerator<JobStatus, void> {
    return listJobs(this.#context.caller, options);
  }

  /**
   * Creates a resource group, whose jobs share what is given to it. Called again with the same
   * password it finds the group.
   *
   * @throws SpiderError 'already-exists' if there is a group of that name with another password.
   */
  addResourceGroup(
    name: string,
    password: string,
    options: RequestOptions = {},
  ): Promise<ResourceGroupId> {
    return addResourceGroup(this.#context.caller, name, password, options.signal);
  }

  /** Whether a resource group exists and has this password; which of the two is wrong is not told. */
  verifyResourceGroup(
    id: ResourceGroupId,
    password: string,
    options: RequestOptions = {},
  ): Promise<boolean> {
    return verifyResourceGroup(this.#context.caller, id, password, options.signal);
  }

  /** Ends the connections and whatever waits on them. Jobs go on. */
  close(): void {
    this.#context.caller[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #submit(graph: TaskGraph, inputs: Uint8Array, options: SubmitOptions): Promise<JobId> {
    const job = {
      resourceGroupId: options.resourceGroupId ?? DEFAULT_RESOURCE_GROUP,
      start: options.start ?? false,
      idempotencyKey: options.idempotencyKey ?? randomKey(this.#context.rng),
      name: options.name ?? '',
      labels: options.labels ?? {},
      priority: options.priority ?? 0,
      requires: options.requires ?? {},
      maxConcurrency: checkConcurrency(options.maxConcurrency),
      ...toWirePolicy(options),
    };
    const { caller } = this.#context;
    return toId(await sendJob(caller, job, encodeTaskGraph(graph), inputs, options.signal));
  }
}
