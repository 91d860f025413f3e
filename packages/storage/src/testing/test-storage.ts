import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import { encodeFrame } from '@spider/core';
import type { TaskGraph, TimestampMs } from '@spider/core';
import { JobService } from '@spider/proto';
import type { SubmitJobRequestSchema } from '@spider/proto';
import { createTransport, SeededRng, silentLogger, startRpcServer } from '@spider/runtime';
import type { Clock, Logger, PasswordHasher, RpcServer, RpcTransport } from '@spider/runtime';
import { nodeZstd, ScryptPasswordHasher, systemClock } from '@spider/runtime/node';
import { storageConfigSchema } from '../config.ts';
import type { StorageConfig } from '../config.ts';
import type { Store } from '../db/job-store.ts';
import type { WriterRight } from '../lease/writer-lease-keeper.ts';
import { StorageService } from '../storage-service.ts';
import { encoded } from './graphs.ts';
import { openMemoryStore } from './memory-store.ts';

export interface TestStorageOptions {
  /** As in a configuration file. */
  readonly config?: unknown;
  readonly store?: Store;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** By default it is always sure. */
  readonly right?: WriterRight;
  /** A cheap one by default. */
  readonly passwords?: PasswordHasher;
}

/** Storage behind a real socket, on a database in memory unless told otherwise. */
export class TestStorage implements AsyncDisposable {
  readonly service: StorageService;
  readonly server: RpcServer;
  readonly transport: RpcTransport;
  readonly jobs: Client<typeof JobService>;
  readonly #store: Store;

  private constructor(service: StorageService, server: RpcServer, store: Store) {
    this.service = service;
    this.server = server;
    this.#store = store;
    this.transport = createTransport({ url: server.url });
    this.jobs = createClient(JobService, this.transport);
  }

  static async start(options: TestStorageOptions = {}): Promise<TestStorage> {
    const store = options.store ?? (await openMemoryStore());
    const logger = options.logger ?? silentLogger;
    const service = await StorageService.open({
      config: testConfig(options.config),
      store,
      clock: options.clock ?? systemClock,
      rng: new SeededRng('storage'),
      logger,
      ...(options.right && { right: options.right }),
      zstd: nodeZstd,
      identity: { version: '1.2.3', engine: 'sqlite', startedAt: 1 as TimestampMs },
      passwords: options.passwords ?? new ScryptPasswordHasher({ logCost: 1, parallelization: 1 }),
    });
    const server = await startRpcServer({
      routes: (router) => service.routes(router),
      guards: service.guards,
      logger,
    });
    return new TestStorage(service, server, store);
  }

  /** Submits and starts a job whose inputs are all the same. */
  async submit(
    graph: TaskGraph,
    input: Uint8Array = new Uint8Array([0xc0]),
    options: MessageInitShape<typeof SubmitJobRequestSchema> = {},
  ): Promise<bigint> {
    const { jobId } = await this.jobs.submitJob({
      ...options,
      taskGraph: encoded(graph),
      inputs: encodeFrame(graph.jobInputs.map(() => input)),
      start: true,
    });
    return jobId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transport.close();
    await this.service[Symbol.asyncDispose]();
    await this.server.close({ graceMs: 100 });
    await this.#store[Symbol.asyncDispose]();
  }
}

/** Long enough for a machine that is busy with other tests. */
const PATIENT = { runtime: { execution_managers: { heartbeat_interval_ms: 60_000 } } };

const testConfig = (config: unknown = PATIENT): StorageConfig => storageConfigSchema.parse(config);
