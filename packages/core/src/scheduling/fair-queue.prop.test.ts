import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FairJob, FairPlace } from './fair-place.ts';
import { FairQueue } from './fair-queue.ts';

const jobs = fc.array(
  fc.record({
    resourceGroupId: fc.integer({ min: 1, max: 5 }),
    priority: fc.integer({ min: -1, max: 1 }),
    criticalPath: fc.integer({ min: 1, max: 3 }),
    requirement: fc.constantFrom('', 'gpu', 'disk'),
  }),
  { minLength: 1, maxLength: 20 },
);

const steps = fc.array(
  fc.record({
    what: fc.constantFrom('enter', 'enter', 'leave', 'turn', 'turn', 'hold', 'release'),
    at: fc.nat(),
    tasks: fc.integer({ min: 1, max: 9 }),
  }),
  { maxLength: 200, size: 'max' },
);

test('whose turn it is obeys priorities, holds and eligibility, whatever has happened', () => {
  fc.assert(
    fc.property(jobs, steps, (jobs, steps) => {
      const queue = new FairQueue<FairJob>();
      const places = jobs.map((job) => new FairPlace<FairJob>(job));
      const held = new Set<number>();
      const eligibility = {
        resourceGroupIds: new Set([1, 2, 3]),
        meets: (key: string) => key !== 'disk',
      };
      for (const { what, at, tasks } of steps) {
        const place = places[at % places.length] as FairPlace<FairJob>;
        if (what === 'enter') queue.enter(place);
        if (what === 'leave') queue.leave(place);
        if (what === 'hold') queue.hold(held.add(1 + (at % 5)) && 1 + (at % 5));
        if (what === 'release') {
          held.delete(1 + (at % 5));
          queue.release(1 + (at % 5));
        }
        const queued = places.filter(({ isQueued }) => isQueued);
        expect(queue.isEmpty).toBe(queued.length === 0);
        const free = queued.filter(({ job }) => !held.has(job.resourceGroupId));
        const first = queue.first();
        expect(first === undefined).toBe(free.length === 0);
        if (first !== undefined) expect(free).toContain(first);
        const eligible = free.filter(
          ({ job }) => job.resourceGroupId <= 3 && job.requirement !== 'disk',
        );
        const next = queue.first(eligibility);
        expect(next === undefined).toBe(eligible.length === 0);
        if (next === undefined) continue;
        expect(eligible).toContain(next);
        const peers = eligible.filter(
          ({ job }) =>
            job.resourceGroupId === next.job.resourceGroupId &&
            job.requirement === next.job.requirement,
        );
        expect(next.job.priority).toBe(Math.max(...peers.map(({ job }) => job.priority)));
        if (what === 'turn') queue.charge(next, tasks);
      }
    }),
  );
});

test('groups that always have something come out by their weights, whatever size their turns have', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 5 });
  const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 16 }));
  fc.assert(
    fc.property(weights, sizes, (weights, sizes) => {
      const queue = new FairQueue<FairJob>({
        weights: new Map(weights.map((weight, group) => [group, weight])),
        jobOrder: 'fair',
      });
      for (const resourceGroupId of weights.keys()) {
        const job = { resourceGroupId, priority: 0, criticalPath: 1, requirement: '' };
        queue.enter(new FairPlace<FairJob>(job));
      }
      const given = weights.map(() => 0);
      for (let turn = 0; turn < 500; turn++) {
        const place = queue.first();
        if (place === undefined) return;
        const size = sizes.next().value as number;
        queue.charge(place, size);
        given[place.job.resourceGroupId] = (given[place.job.resourceGroupId] ?? 0) + size;
      }
      // For its weight none is ever further ahead of another than by its last turn.
      const perWeight = given.map((tasks, group) => tasks / (weights[group] ?? 1));
      expect(Math.max(...perWeight) - Math.min(...perWeight)).toBeLessThanOrEqual(16);
    }),
  );
});
