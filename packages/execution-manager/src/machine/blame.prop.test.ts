import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BlameTrial, type Deed } from '../../test/blame-trial.ts';

const deeds = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.constant<Deed>('succeeds') },
    { weight: 1, arbitrary: fc.constant<Deed>('dies') },
    { weight: 1, arbitrary: fc.constant<Deed>('hangs') },
  ),
  { minLength: 1, maxLength: 200 },
);

test('only the task that ends its process or hangs is blamed, though results are held', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      deeds,
      fc.array(fc.nat(20), { minLength: 1, maxLength: 20 }),
      (slots, tasks, held) => {
        const trial = new BlameTrial(slots, tasks, held);
        trial.run();
        const expected = new Map<number, string>();
        for (const [position, deed] of tasks.entries()) {
          if (deed === 'dies') expected.set(position, 'executor crashed (signal SIGSEGV)');
          if (deed === 'hangs') expected.set(position, 'hard timeout (100 ms) exceeded');
        }
        expect(new Map([...trial.failures].sort(([a], [b]) => a - b))).toEqual(expected);
        expect(trial.reported.length).toBe(tasks.length - expected.size);
        // Once among others, and once alone.
        expect(Math.max(...trial.runs)).toBeLessThanOrEqual(2);
        expect(trial.processes).toBeLessThanOrEqual(slots + 2 * expected.size);
      },
    ),
    { numRuns: 200 },
  );
});
