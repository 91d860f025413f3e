import { expect, test } from 'vitest';
import { flat } from '../testing/graphs.ts';
import { Restarts } from '../testing/restarts.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';

const SOFT_TIMEOUT_MS = 200_000;

test('an instance that is adopted after a restart still has its soft timeout, from its own start', async () => {
  await using restarts = await Restarts.create();
  const first = await restarts.start();
  const jobId = await first.submit(flat(2, { softTimeoutMs: SOFT_TIMEOUT_MS }));
  const before = await ScriptedExecutionManager.register(first.transport);
  const [old, young] = await before.lease([0, 1].map((taskIndex) => ({ jobId, taskIndex })));

  const second = await restarts.start();
  const scheduler = await ScriptedScheduler.connect(second.transport);
  scheduler.send({ credit: 10 });
  await ScriptedExecutionManager.connect(second.transport, before.id, {
    held: [
      { ...old!, ageMs: SOFT_TIMEOUT_MS - 20 },
      { ...young!, ageMs: 1000 },
    ],
  });
  // One more instance may run beside the slow one.
  expect(await scheduler.take(1)).toEqual([{ jobId, taskIndex: 0 }]);
  const other = await ScriptedExecutionManager.register(second.transport);
  expect(await other.lease([{ jobId, taskIndex: 0 }])).toHaveLength(1);
  const { status } = await second.jobs.getJob({ jobId });
  expect(status).toMatchObject({ runningTasks: 2, readyTasks: 0 });
});
