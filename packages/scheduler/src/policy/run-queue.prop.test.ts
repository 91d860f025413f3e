import fc from 'fast-check';
import { expect, test } from 'vitest';

import { RunQueue } from './run-queue.ts';

const step = fc.record({
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constant('push') },
    { weight: 3, arbitrary: fc.constantFrom('unshift', 'take', 'take') },
    { weight: 1, arbitrary: fc.constant('remove') },
  ),
  thing: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'),
  count: fc.integer({ min: 1, max: 9 }),
});

test('a run queue says what comes next like an array that spells everything out', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const queue = new RunQueue<string>();
      let model: string[] = [];
      for (const { what, thing, count } of steps) {
        const run = new Array<string>(count).fill(thing);
        if (what === 'push') {
          queue.push(thing, count);
          model.push(...run);
        } else if (what === 'unshift') {
          queue.unshift(thing, count);
          model.unshift(...run);
        } else if (what === 'remove') {
          queue.remove(thing);
          model = model.filter((other) => other !== thing);
        } else if (model.length > 0) {
          const [first] = model;
          const length = model.findIndex((other) => other !== first);
          const expected = Math.min(count, length === -1 ? model.length : length);
          expect(queue.first()).toBe(first);
          expect(queue.takeFirst(count)).toBe(expected);
          model.splice(0, expected);
        }
        expect(queue.first()).toBe(model[0]);
        expect(queue.runs).toBe(model.filter((thing, at) => thing !== model[at - 1]).length);
      }
    }),
  );
});
