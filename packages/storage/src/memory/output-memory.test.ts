import { RecordingLogger } from '@spider/runtime/testing';
import { ManualClock } from '@spider/runtime/testing';
import { expect, test } from 'vitest';
import { JobCache } from '../cache/job-cache.ts';
import type { Job } from '../cache/job.ts';
import { flat } from '../testing/graphs.ts';
import { testJob } from '../testing/jobs.ts';
import { OutputMemory } from './output-memory.ts';

const QUOTA = 800;

/** Jobs whose outputs take so many bytes, of which the others can be freed. */
function world(jobs: readonly { bytes: number; stuck?: number }[]) {
  const cache = new JobCache({ clock: new ManualClock(), retentionMs: 1000 });
  const logger = new RecordingLogger();
  const bytesOf = new Map<Job, { bytes: number; stuck: number }>();
  const asked: [number, number][] = [];
  const memory = new OutputMemory({
    cache,
    logger,
    quotaBytes: QUOTA,
    runner: {
      note: (job, event) => {
        if (event.type !== 'spill') throw new Error(`${event.type} was not expected`);
        asked.push([job.number, event.bytes]);
        const of = bytesOf.get(job);
        if (of !== undefined) of.bytes = Math.max(of.stuck, of.bytes - event.bytes);
      },
    },
  });
  const all = jobs.map(({ bytes, stuck = 0 }, at) => {
    const job = testJob(at + 1, flat(1));
    const of = { bytes, stuck };
    bytesOf.set(job, of);
    Object.defineProperty(job.machine, 'payloadBytes', { get: () => of.bytes });
    cache.add(job);
    memory.count(job);
    return { job, of };
  });
  return { memory, logger, asked, jobs: all };
}

test('nothing leaves memory below the quota', () => {
  const { memory, asked, logger } = world([{ bytes: 500 }, { bytes: 300 }]);
  memory.check();
  expect(asked).toEqual([]);
  expect(logger.lines).toEqual([]);
});

test('what exceeds it leaves, with a little room, from the jobs that have most', () => {
  const { memory, asked, logger } = world([
    { bytes: 200 },
    { bytes: 500, stuck: 350 },
    { bytes: 300 },
  ]);
  memory.check();
  // 1,000 are to become 700.
  expect(asked).toEqual([
    [2, 300],
    [3, 150],
  ]);
  expect(memory.totalBytes).toBe(700);
  expect(logger.messages('info')).toHaveLength(1);
});

test('if not enough can go it is tried again when there is more', () => {
  const { memory, asked, jobs } = world([{ bytes: 1000, stuck: 1000 }]);
  const [first] = jobs;
  memory.check();
  memory.check();
  expect(asked).toHaveLength(1);
  for (const bytes of [1050, 1051]) {
    if (first !== undefined) first.of.bytes = bytes;
    if (first !== undefined) memory.count(first.job);
    memory.check();
  }
  expect(asked.map(([, bytes]) => bytes)).toEqual([300, 351]);
});

test('jobs that have ended do not count', () => {
  const { memory, asked, jobs } = world([{ bytes: 600 }, { bytes: 600 }]);
  const [first] = jobs;
  if (first !== undefined) memory.forget(first.job);
  memory.check();
  expect(memory.totalBytes).toBe(600);
  expect(asked).toEqual([]);
});
