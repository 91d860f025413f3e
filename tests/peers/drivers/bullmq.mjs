// BullMQ: one worker in this process, jobs added in bulk, flows for what depends on something.
import { FlowProducer, Queue, Worker } from 'bullmq';
import { drive, port } from './drive.mjs';
import { valueOf, verifyOutputs } from './workloads.mjs';

const CONCURRENCY = 100;
const BULK = 1_000;
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const QUEUE = 'bench';

const queue = new Queue(QUEUE, { connection });
const flows = new FlowProducer({ connection });
/** By task, of this run. */
let results = [];
let left = 0;
let ended = Promise.withResolvers();

const worker = new Worker(
  QUEUE,
  async (job) => {
    const { constants } = job.data;
    return valueOf(constants ?? Object.values(await job.getChildrenValues()));
  },
  { connection, concurrency: CONCURRENCY },
);
worker.on('completed', (job, value) => {
  results[job.data.task] = value;
  left -= 1;
  if (left === 0) ended.resolve();
});
worker.on('failed', (_job, error) => ended.reject(error));
worker.on('error', (error) => ended.reject(error));
await worker.waitUntilReady();

const opts = { removeOnComplete: true };

function jobOf({ tasks }, task) {
  const { parents, constants } = tasks[task];
  const data = parents.length === 0 ? { task, constants } : { task };
  return { name: 'take', data, opts };
}

/** A job with all it depends on below it. A chain is deep, so this goes from its start. */
function flowOf(workload) {
  const jobs = [];
  for (const [task, { parents }] of workload.tasks.entries()) {
    const children = parents.map((parent) => jobs[parent]);
    jobs.push({
      ...jobOf(workload, task),
      queueName: QUEUE,
      ...(children.length > 0 && { children }),
    });
  }
  return jobs.at(-1);
}

async function run(workload) {
  results = [];
  left = workload.tasks.length;
  ended = Promise.withResolvers();
  if (workload.outputs.length > 1) {
    const jobs = [...workload.tasks.keys()].map((task) => jobOf(workload, task));
    const adding = [];
    for (let at = 0; at < jobs.length; at += BULK)
      adding.push(queue.addBulk(jobs.slice(at, at + BULK)));
    await Promise.all(adding);
  } else await flows.add(flowOf(workload));
  await ended.promise;
  return () =>
    verifyOutputs(
      workload,
      workload.outputs.map((task) => results[task]),
    );
}

await drive(run, {
  'layered-10k': 'a job of a flow has one parent, so what one gives goes to one only',
});
await Promise.all([worker.close(), queue.close(), flows.close()]);
