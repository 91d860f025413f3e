// pg-boss: flow() for what depends on something, and a loop of its fetch(), complete() and resolveFlow().
// work() looks at most twice a second for jobs, and flows are looked after at most once a second.
import { PgBoss } from 'pg-boss';
import { drive, port, user } from './drive.mjs';
import { verifyOrder } from './workloads.mjs';

const BATCH = 1_000;
const QUEUE = 'bench';

const boss = new PgBoss({
  host: '127.0.0.1',
  port,
  user,
  database: 'pg_boss',
  supervise: false,
  schedule: false,
});
boss.on('error', (error) => {
  throw error;
});
await boss.start();
await boss.createQueue(QUEUE);

async function submit({ tasks, outputs }) {
  if (outputs.length === tasks.length) {
    await boss.insert(
      QUEUE,
      tasks.map((_, task) => ({ data: { task } })),
    );
    return;
  }
  await boss.flow(
    tasks.map(({ parents }, task) => ({
      ref: String(task),
      name: QUEUE,
      data: { task },
      ...(parents.length > 0 && { dependsOn: parents.map(String) }),
    })),
  );
}

async function run(workload) {
  const ran = [];
  await submit(workload);
  while (ran.length < workload.tasks.length) {
    const jobs = await boss.fetch(QUEUE, { batchSize: BATCH });
    if (jobs.length === 0) {
      await boss.resolveFlow();
      continue;
    }
    for (const { data } of jobs) ran.push(data.task);
    await boss.complete(
      QUEUE,
      jobs.map(({ id }) => id),
    );
  }
  return async () => {
    verifyOrder(workload, ran);
    await boss.deleteAllJobs(QUEUE);
  };
}

await drive(run);
await boss.stop({ graceful: false });
