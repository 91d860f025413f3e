import { PROTOCOL_VERSION } from '@spider/core';
import { createClient } from '@connectrpc/connect';
import type { SpiderError } from '@spider/core';
import {
  AssignmentService,
  type PullAssignmentsRequest,
  type PullAssignmentsResponse,
} from '@spider/proto';
import { createTransport, openStream, type RpcStream, type RpcTransport } from '@spider/runtime';

import { Changes } from './changes.ts';

export interface ScriptedExecutionManagerOptions {
  /** Says nothing of itself. */
  readonly silent?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly resourceGroupIds?: readonly number[];
}

/** An execution manager that only takes assignments, and says what a test has it say. */
export class ScriptedExecutionManager implements Disposable {
  readonly id: number;
  readonly changes = new Changes();
  readonly batches: PullAssignmentsResponse[] = [];
  /** Set when the stream has closed; `undefined` inside after an orderly end. */
  closed: { readonly reason: SpiderError | undefined } | undefined;
  readonly #options: ScriptedExecutionManagerOptions;
  readonly #transport: RpcTransport;
  readonly #stream: RpcStream<PullAssignmentsRequest>;

  /** Opens a stream to the scheduler at the URL; says hello unless `silent`. */
  constructor(url: string, id: number, options: ScriptedExecutionManagerOptions = {}) {
    this.id = id;
    this.#options = options;
    this.#transport = createTransport({ url });
    const client = createClient(AssignmentService, this.#transport);
    this.#stream = openStream<PullAssignmentsResponse, PullAssignmentsRequest>(
      (requests, options) => client.pullAssignments(requests, options),
      {
        onMessage: (batch) => {
          this.batches.push(batch);
          this.changes.notify();
        },
        onClose: (reason) => {
          this.closed = { reason };
          this.changes.notify();
        },
      },
    );
    if (options.silent !== true) this.hello();
  }

  /** What has come so far: `job:index` of each task, in order. */
  get tasks(): string[] {
    return this.batches.flatMap(({ tasks }) =>
      tasks.flatMap(({ jobId, taskIndexes }) => taskIndexes.map((index) => `${jobId}:${index}`)),
    );
  }

  hello(slots = 2): void {
    const { labels = {}, resourceGroupIds = [] } = this.#options;
    this.send({
      hello: {
        $typeName: 'spider.v1.AssignmentHello',
        executionManagerId: BigInt(this.id),
        slots,
        labels,
        resourceGroupIds: resourceGroupIds.map(BigInt),
        protocolVersion: PROTOCOL_VERSION,
      },
    });
  }

  grant(credit: number): void {
    this.send({ credit });
  }

  acknowledge(batch: bigint | number): void {
    this.send({ acknowledgedBatch: BigInt(batch) });
  }

  drain(): void {
    this.send({ draining: true });
  }

  send(request: Partial<Omit<PullAssignmentsRequest, '$typeName'>>): void {
    this.#stream.send({
      $typeName: 'spider.v1.PullAssignmentsRequest',
      credit: 0,
      acknowledgedBatch: 0n,
      draining: false,
      ...request,
    });
  }

  /** Resolves with all that has come, once that is at least so many tasks. */
  async received(count: number): Promise<string[]> {
    await this.changes.until(() => this.tasks.length >= count);
    return this.tasks;
  }

  /** Resolves with why the stream has closed, once it has. */
  async end(): Promise<SpiderError | undefined> {
    await this.changes.until(() => this.closed !== undefined);
    return this.closed?.reason;
  }

  /** Leaves in order. */
  leave(): void {
    this.#stream.end();
  }

  /** Leaves as a process does that was killed. */
  [Symbol.dispose](): void {
    this.#transport.close();
  }
}
