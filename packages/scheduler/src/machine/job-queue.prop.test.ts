import fc from 'fast-check';
import { expect, test } from 'vitest';

import { JobQueue } from './job-queue.ts';

const step = fc.oneof(
  fc.record({ what: fc.constantFrom('push', 'unshift', 'shift'), count: fc.nat({ max: 40 }) }),
  fc.record({ what: fc.constant('clear'), count: fc.constant(0) }),
);

test('a job queue keeps its order like an array, however it grows and turns', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const queue = new JobQueue(1, 1);
      let model: number[] = [];
      let nextTask = 0;
      for (const { what, count } of steps) {
        const tasks = Uint32Array.from({ length: count }, () => nextTask++);
        if (what === 'push') {
          queue.push(tasks);
          model.push(...tasks);
        } else if (what === 'unshift') {
          queue.unshift(tasks);
          model.unshift(...tasks);
        } else if (what === 'shift') {
          const taken = [-1];
          const most = Math.min(count, model.length);
          queue.shiftInto(taken, most);
          expect(taken).toEqual([-1, ...model.splice(0, most)]);
        } else {
          expect(queue.clear()).toBe(model.length);
          model = [];
        }
        expect(queue.waiting).toBe(model.length);
      }
      const rest: number[] = [];
      queue.shiftInto(rest, queue.waiting);
      expect(rest).toEqual(model);
    }),
  );
});
