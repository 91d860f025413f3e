// Graphile Worker: configured as its authors' own benchmark is; jobs added by one call.
import { Logger, makeWorkerUtils, run as runWorker } from 'graphile-worker';
import { drive, port, user } from './drive.mjs';
import { verifyOrder } from './workloads.mjs';

const connectionString = `postgres://${user}@127.0.0.1:${port}/graphile_worker`;
const logger = new Logger(() => () => undefined);
let ran = [];
let wanted = 0;
let ended = Promise.withResolvers();

const take = ({ task }) => {
  ran.push(task);
  if (ran.length === wanted) ended.resolve();
};

const preset = {
  worker: {
    connectionString,
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    logger,
  },
};
const utils = await makeWorkerUtils({ connectionString, logger });
await utils.migrate();
const runner = await runWorker({ preset, taskList: { take }, noHandleSignals: true });

async function run(workload) {
  ran = [];
  wanted = workload.tasks.length;
  ended = Promise.withResolvers();
  await utils.addJobs(workload.tasks.map((_, task) => ({ identifier: 'take', payload: { task } })));
  await ended.promise;
  return () => verifyOrder(workload, ran);
}

const reason = 'jobs do not depend on jobs';
await drive(run, { 'fan-in-10k': reason, 'layered-10k': reason, 'chain-1000': reason });
await runner.stop();
await utils.release();
