import { TaskOutcome } from '@spider/core';
import { expect, test } from 'vitest';
import { flat } from '../testing/graphs.ts';
import { Restarts } from '../testing/restarts.ts';
import { ScriptedExecutionManager } from '../testing/scripted-execution-manager.ts';
import { ScriptedScheduler } from '../testing/scripted-scheduler.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';

const DELAY_MS = 60_000;
const DAY_MS = 86_400_000;

test('a task that is to wait before it is tried again waits for what is left of that after a restart', async () => {
  const clock = new SteppedClock();
  await using restarts = await Restarts.create();
  const config = {
    runtime: {
      journal: { flush_records: 1 },
      execution_managers: { heartbeat_interval_ms: DAY_MS, stream_grace_ms: 1_000 },
    },
  };
  const first = await restarts.start(config, clock);
  const jobId = await first.submit(flat(1, { maxRetries: 1, retryDelayMs: DELAY_MS }));
  const manager = await ScriptedExecutionManager.register(first.transport);
  const [task] = await manager.lease([{ jobId, taskIndex: 0 }]);
  const failedAtMs = clock.now();
  const payload = Buffer.from('no');
  const failure = { ...task!, outcome: TaskOutcome.Failed, payload, startedAtMs: failedAtMs };
  await manager.flushed(manager.report([failure]));
  clock.advance(DELAY_MS / 3);

  const second = await restarts.start(config, clock);
  await ScriptedExecutionManager.connect(second.transport, manager.id);
  const scheduler = await ScriptedScheduler.connect(second.transport);
  scheduler.send({ credit: 10 });
  const other = await second.submit(flat(1));
  expect(await scheduler.take(1)).toEqual([{ jobId: other, taskIndex: 0 }]);
  expect((await second.jobs.getJob({ jobId })).status).toMatchObject({ readyTasks: 1 });
  expect(await clock.advanceUntil(scheduler.take(1))).toEqual([{ jobId, taskIndex: 0 }]);
  expect(clock.now()).toBeGreaterThanOrEqual(failedAtMs + DELAY_MS);
  expect(clock.now()).toBeLessThan(failedAtMs + DELAY_MS + DELAY_MS / 4);
});
