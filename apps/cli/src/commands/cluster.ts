import type { ExecutionManagerStatus, Queues, ServerInfo } from '@spider/client';
import { type ExecutionManagerId, parseId, SpiderError } from '@spider/core';
import { systemClock } from '@spider/runtime/node';
import { type Command, InvalidArgumentError } from 'commander';
import { storageCommand, withConnection } from '../connection.ts';
import { formatSpan, formatTime } from '../output/format-time.ts';
import { type Column, formatTable } from '../output/table.ts';
import { takeFirst } from './take-first.ts';

/** `spider workers`, `queues`, `servers` and `drain`: the processes, and what waits for them. */
export function clusterCommands(signal: AbortSignal): readonly Command[] {
  return [
    storageCommand('workers', 'Lists the execution managers, the newest first.')
      .option('--all', 'also those that have left or were lost, and why')
      .action(async (options: { readonly all?: true }) =>
        withConnection(options, signal, async ({ client, print }) => {
          const includeDead = options.all === true;
          const found = client.cluster.executionManagers({ includeDead, signal });
          const columns = includeDead ? [...WORKER_COLUMNS, END_COLUMN] : WORKER_COLUMNS;
          print.list(await takeFirst(found, Infinity), columns, 'no workers: nothing runs tasks');
        }),
      ),
    storageCommand(
      'queues',
      'Shows how many tasks wait, and how far the journal is behind.',
    ).action(async (options: object) =>
      withConnection(options, signal, async ({ client, print }) => {
        const queues = await client.cluster.queues({ signal });
        print.one(queues, () => formatQueues(queues));
      }),
    ),
    storageCommand('servers', 'Asks each endpoint who it is. Code 1 unless one is active.').action(
      async (options: object) =>
        withConnection(options, signal, async ({ client, print }) => {
          const servers = await client.cluster.servers({ signal });
          print.list(servers, SERVER_COLUMNS, 'no endpoints');
          if (servers.some((server) => server.error === undefined && server.role === 'active'))
            return;
          throw new SpiderError(
            'unavailable',
            'no storage is active: start one, or see --endpoint',
          );
        }),
    ),
    storageCommand(
      'drain',
      'Takes a worker out: it finishes what runs, takes nothing more, and ends.',
    )
      .argument('<worker>', 'its id; `spider workers` lists them', workerArgument)
      .action(async (id: ExecutionManagerId, options: object) =>
        withConnection(options, signal, async ({ client, print }) => {
          const state = await client.cluster.drain(id, { signal });
          print.one({ id, state }, () => `worker ${id} is ${state}`);
        }),
      ),
  ];
}

function workerArgument(text: string): ExecutionManagerId {
  try {
    return parseId<ExecutionManagerId>(text);
  } catch {
    throw new InvalidArgumentError('It must be the id of a worker, such as 7.');
  }
}

const WORKER_COLUMNS: readonly Column<ExecutionManagerStatus>[] = [
  { title: 'WORKER', of: ({ id }) => id },
  { title: 'HOST', of: ({ host }) => host },
  { title: 'STATE', of: ({ state, isConnected }) => (isConnected ? state : `${state}, away`) },
  { title: 'SLOTS', of: ({ slots }) => slots },
  { title: 'RUNNING', of: ({ runningTasks }) => runningTasks },
  { title: 'WAITING', of: ({ waitingTasks }) => waitingTasks },
  { title: 'UNFLUSHED', of: ({ unflushedReports }) => unflushedReports },
  { title: 'SINCE', of: ({ registeredAt }) => formatTime(registeredAt) },
  { title: 'VERSION', of: ({ version }) => version },
];

const END_COLUMN: Column<ExecutionManagerStatus> = {
  title: 'ENDED BECAUSE',
  of: ({ endReason }) => endReason,
};

const SERVER_COLUMNS: readonly Column<ServerInfo>[] = [
  { title: 'ENDPOINT', of: ({ url }) => url },
  { title: 'ROLE', of: (server) => (server.error ? 'does not answer' : server.role) },
  { title: 'VERSION', of: (server) => (server.error ? undefined : server.version) },
  { title: 'DATABASE', of: (server) => (server.error ? undefined : server.databaseEngine) },
  {
    title: 'UP',
    of: (server) =>
      server.error ? undefined : formatSpan(server.startedAt, undefined, systemClock.now()),
  },
  { title: 'ERROR', of: ({ error }) => error?.message },
];

function formatQueues({ regular, commit, cleanup, journal, unfinishedJobs }: Queues): string {
  const lanes = [
    ['regular', regular],
    ['commit', commit],
    ['cleanup', cleanup],
  ] as const;
  const table = formatTable(
    [
      { title: 'TASKS', of: ([name]) => name },
      { title: 'READY', of: ([, { readyTasks }]) => readyTasks },
      { title: 'ON THE WAY', of: ([, { handedOutTasks }]) => handedOutTasks },
    ],
    lanes,
  );
  return (
    `${table}\n\n${unfinishedJobs} jobs have not ended; ${journal.records} results ` +
    `(${journal.bytes} bytes) are not durable yet, the oldest for ${journal.lagMs} ms`
  );
}
