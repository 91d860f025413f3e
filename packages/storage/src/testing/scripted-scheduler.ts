import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import type { Transport } from '@connectrpc/connect';
import { PullReadyTasksRequestSchema, ReadyTaskService, SchedulerHelloSchema } from '@spider/proto';
import type { PullReadyTasksRequest, PullReadyTasksResponse } from '@spider/proto';
import { openStream } from '@spider/runtime';
import type { RpcStream } from '@spider/runtime';
import { Inbox } from './inbox.ts';

/** A scheduler that does what a test says, over the wire. */
export class ScriptedScheduler {
  readonly inbox = new Inbox<PullReadyTasksResponse>();
  readonly stream: RpcStream<PullReadyTasksRequest>;
  #taken = 0;

  constructor(transport: Transport) {
    const client = createClient(ReadyTaskService, transport);
    this.stream = openStream((requests, options) => client.pullReadyTasks(requests, options), {
      onMessage: (message: PullReadyTasksResponse) => this.inbox.push(message),
      onClose: (reason) => this.inbox.close(reason),
    });
  }

  static async connect(
    transport: Transport,
    sharing: {
      readonly groupWeights?: Record<string, number>;
      readonly criticalPathFirst?: boolean;
    } = {},
  ): Promise<ScriptedScheduler> {
    const scheduler = new ScriptedScheduler(transport);
    scheduler.send({ hello: { host: 'scheduler', port: 1, ...sharing } });
    await scheduler.inbox.first(({ welcome }) => welcome);
    return scheduler;
  }

  send(request: {
    readonly hello?: {
      readonly host: string;
      readonly port: number;
      readonly groupWeights?: Record<string, number>;
      readonly criticalPathFirst?: boolean;
      readonly protocolVersion?: number;
    };
    readonly credit?: number;
    readonly pool?: number;
    readonly openedPools?: readonly {
      readonly pool: number;
      readonly labels?: Record<string, string>;
      readonly resourceGroupIds?: bigint[];
    }[];
    readonly closedPools?: number[];
    readonly returned?: readonly { readonly jobId: bigint; readonly taskIndexes: number[] }[];
  }): void {
    const { credit = 0, pool = 0, openedPools = [], closedPools = [], returned = [] } = request;
    const message = create(PullReadyTasksRequestSchema, {
      credit,
      pool,
      openedPools: [...openedPools],
      closedPools,
      returned: [...returned],
    });
    if (request.hello !== undefined) {
      message.hello = create(SchedulerHelloSchema, request.hello);
    }
    this.stream.send(message);
  }

  /** All tasks that were handed out on this stream, in order. */
  get tasks(): { readonly jobId: bigint; readonly taskIndex: number }[] {
    return this.inbox.all.flatMap(({ ready }) =>
      ready.flatMap(({ jobId, taskIndexes }) =>
        taskIndexes.map((taskIndex) => ({ jobId, taskIndex })),
      ),
    );
  }

  /** How many tasks `take` has answered. */
  get taken(): number {
    return this.#taken;
  }

  /** Waits for the next `count` tasks of which nothing was taken yet. */
  async take(count: number): Promise<{ readonly jobId: bigint; readonly taskIndex: number }[]> {
    const end = this.#taken + count;
    await this.inbox.first(() => (this.tasks.length >= end ? true : undefined));
    const taken = this.tasks.slice(this.#taken, end);
    this.#taken = end;
    return taken;
  }
}
