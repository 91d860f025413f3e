import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { ClusterService, JobService } from '@spider/proto';
import type { Rng } from '@spider/runtime';

import type { SimConnection } from './sim-connection.ts';

/** What people ask beside: nothing of it changes anything. */
const LOOKS = ['job', 'description', 'tasks', 'jobs', 'queues', 'machines', 'schedulers'] as const;

/** There is nobody to ask just now. */
const EXPECTED: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Canceled]);

/** Asks one question, once. Answers the error that no user should see, if there is one. */
export async function lookAround(
  connection: SimConnection,
  jobId: bigint,
  rng: Rng,
): Promise<string | undefined> {
  const look = LOOKS[rng.uint32() % LOOKS.length] as (typeof LOOKS)[number];
  try {
    await ask(look, connection, jobId);
    return undefined;
  } catch (error) {
    const { code, message } = ConnectError.from(error);
    return EXPECTED.has(code) ? undefined : `${look}: ${message}`;
  }
}

function ask(
  look: (typeof LOOKS)[number],
  connection: SimConnection,
  jobId: bigint,
): Promise<unknown> {
  const jobs = createClient(JobService, connection);
  const cluster = createClient(ClusterService, connection);
  switch (look) {
    case 'job':
      return jobs.getJob({ jobId });
    case 'description':
      return jobs.describeJob({ jobId });
    case 'tasks':
      return jobs.listTasks({ jobId, pageSize: 10 });
    case 'jobs':
      return jobs.listJobs({ pageSize: 10 });
    case 'queues':
      return cluster.getQueues({});
    case 'machines':
      return cluster.listExecutionManagers({ includeDead: true });
    case 'schedulers':
      return cluster.listSchedulers({});
    default:
      return look satisfies never;
  }
}
