import fc from 'fast-check';
import { expect, it } from 'vitest';

import { DeadlineQueue } from './deadline-queue.ts';
import { ManualClock } from './testing.ts';

const DEADLINES = 100;

const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), which: fc.nat(DEADLINES - 1), ms: fc.nat(50) }),
  fc.record({ kind: fc.constant('clear' as const), which: fc.nat(DEADLINES - 1) }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(20) }),
);

it('meets what a plain list of times meets, at the same times', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const clock = new ManualClock(0);
      const queue = new DeadlineQueue(clock);
      const met: [at: number, which: number][] = [];
      const deadlines = Array.from({ length: DEADLINES }, (_, which) =>
        queue.create(() => met.push([clock.now(), which])),
      );
      const model = new Map<number, number>();
      const expected: [at: number, which: number][] = [];

      for (const { kind, ...rest } of [...steps, { kind: 'advance' as const, ms: 100 }]) {
        const { which = 0, ms = 0 } = rest as { which?: number; ms?: number };
        if (kind === 'set') {
          deadlines[which]?.set(ms);
          model.set(which, clock.now() + ms);
        } else if (kind === 'clear') {
          deadlines[which]?.clear();
          model.delete(which);
        } else {
          clock.advance(ms);
          for (const [late, at] of model) {
            if (at > clock.now()) continue;
            model.delete(late);
            expected.push([at, late]);
          }
        }
        expect(clock.pendingTimers).toBeLessThanOrEqual(1);
      }

      // Time must not go back, and each is met at its very time; among equals any order will do.
      expect(met.map(([at]) => at)).toEqual(met.map(([at]) => at).sort((a, b) => a - b));
      const byTime = (a: [number, number], b: [number, number]) => a[0] - b[0] || a[1] - b[1];
      expect(met.toSorted(byTime)).toEqual(expected.toSorted(byTime));
    }),
  );
});
