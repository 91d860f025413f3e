import type { TaskGraph } from '@spider/core';

import type { JobSpec } from '../job-spec.ts';
import type { Checker } from '../observer.ts';
import type { Scenario } from '../scenario.ts';
import { parentsOf } from '../task-parents.ts';

/** Tasks of others that may be on their way for each slot when one becomes ready. */
const ON_THE_WAY = 8;
/** For messages and the database, which are quick where there is a heavy tenant. */
const OVERHEAD_MS = 500;

export const lightTenantNotStarved: Checker = {
  name: 'light-tenant-not-starved',
  promise:
    'A ready task waits no longer than it takes to run what its resource group is given meanwhile, as ' +
    'much for each of the others, and what was on its way.',
  watch: (violated, scenario) => {
    if (!scenario.hasHeavyTenant) return {};
    const turnMs = longestRunMs(scenario) / (scenario.slots * scenario.machines.length);
    const waiting = new Map<string, Waiting>();
    const specs = new Map<number, JobSpec>();
    const succeeded = new Set<string>();
    const given = new Map<number, number>();
    const ready = (jobId: number, group: number, task: number, nowMs: number): void => {
      waiting.set(`${jobId}/${task}`, { sinceMs: nowMs, given: given.get(group) ?? 0 });
    };
    return {
      jobSubmitted: ({ jobId, spec }, nowMs) => {
        if (specs.size >= scenario.jobs.length || spec.startAfterMs !== undefined) return;
        specs.set(jobId, spec);
        for (const task of rootsOf(spec.graph)) ready(jobId, spec.group, task, nowMs);
      },
      taskEnded: ({ jobId, taskIndex }, end, nowMs) => {
        const spec = specs.get(jobId);
        if (spec === undefined || end !== 'succeeded') return;
        succeeded.add(`${jobId}/${taskIndex}`);
        for (let task = taskIndex + 1; task < spec.graph.taskCount; task++) {
          const parents = [...parentsOf(spec.graph, task)];
          if (!parents.includes(taskIndex)) continue;
          const isReady = parents.every((parent) => succeeded.has(`${jobId}/${parent}`));
          if (isReady) ready(jobId, spec.group, task, nowMs);
        }
      },
      contextsIssued: (jobId, taskIndexes, nowMs) => {
        const spec = specs.get(jobId);
        if (spec === undefined) return;
        const before = given.get(spec.group) ?? 0;
        given.set(spec.group, before + taskIndexes.length);
        for (const task of taskIndexes) {
          const since = waiting.get(`${jobId}/${task}`);
          waiting.delete(`${jobId}/${task}`);
          if (since === undefined) continue;
          const turns = (before + taskIndexes.length - since.given) * scenario.groups;
          const onTheWay = ON_THE_WAY * scenario.slots * scenario.machines.length;
          const limitMs = (turns + onTheWay) * turnMs + OVERHEAD_MS;
          const waitedMs = nowMs - since.sinceMs;
          if (waitedMs <= limitMs) continue;
          violated(
            `task ${jobId}/${task} has waited for ${waitedMs} ms, ${limitMs} ms are its share`,
          );
        }
      },
    };
  },
};

interface Waiting {
  readonly sinceMs: number;
  /** What its group had been given before. */
  readonly given: number;
}

const longestRunMs = ({ jobs }: Scenario): number =>
  Math.max(...jobs.flatMap(({ runs }) => runs.flat()).map(({ durationMs }) => durationMs));

function* rootsOf(graph: TaskGraph): Iterable<number> {
  for (let task = 0; task < graph.taskCount; task++) {
    if (parentsOf(graph, task).next().done === true) yield task;
  }
}
