// DBOS: one workflow, whose steps are the tasks, side by side where they may be. What depends on something
// is written as code, which awaits it.
import { DBOS } from '@dbos-inc/dbos-sdk';
import { drive, port, user } from './drive.mjs';
import { valueOf, verifyOutputs, WORKLOADS } from './workloads.mjs';

const POOL = 20;

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: `postgres://${user}@127.0.0.1:${port}/dbos`,
  systemDatabasePoolSize: POOL,
  logLevel: 'error',
});

/** Tasks whose parents are all in waves before. Steps are numbered as they are called, so in a fixed order. */
function wavesOf({ tasks }) {
  const depth = [];
  const waves = [];
  for (const [task, { parents }] of tasks.entries()) {
    depth[task] = parents.reduce((deepest, parent) => Math.max(deepest, depth[parent] + 1), 0);
    (waves[depth[task]] ??= []).push(task);
  }
  return waves;
}

const workflow = DBOS.registerWorkflow(
  async (name) => {
    const workload = WORKLOADS.find((one) => one.name === name);
    const values = [];
    for (const wave of wavesOf(workload)) {
      await Promise.all(
        wave.map(async (task) => {
          const { parents, constants } = workload.tasks[task];
          const inputs = parents.length === 0 ? constants : parents.map((parent) => values[parent]);
          values[task] = await DBOS.runStep(() => Promise.resolve(valueOf(inputs)), {
            name: 'take',
          });
        }),
      );
    }
    return workload.outputs.map((task) => values[task]);
  },
  { name: 'bench' },
);

await DBOS.launch();
await drive(async (workload) => {
  const outputs = await workflow(workload.name);
  return () => verifyOutputs(workload, outputs);
});
await DBOS.shutdown();
