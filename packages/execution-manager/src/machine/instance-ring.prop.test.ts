import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeLot } from '../testing/make-lot.ts';
import { InstanceRing } from './instance-ring.ts';

const LOT = makeLot({ count: 1 });

interface Entry {
  readonly position: number;
  readonly isCancelled: boolean;
}

const operation = fc.oneof(
  { weight: 5, arbitrary: fc.constant('push' as const) },
  { weight: 3, arbitrary: fc.constant('unshift' as const) },
  { weight: 3, arbitrary: fc.constant('drop first' as const) },
  { weight: 1, arbitrary: fc.constant('drop last' as const) },
  // Cancels the entry there.
  { weight: 2, arbitrary: fc.nat(50) },
  { weight: 1, arbitrary: fc.constant('remove cancelled' as const) },
  { weight: 1, arbitrary: fc.constant('clear' as const) },
);

test('a ring is a list, whatever is done to it', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (all) => {
      const ring = new InstanceRing(2);
      let list: Entry[] = [];
      let next = 0;
      for (const what of all) {
        if (typeof what === 'number') {
          if (what >= list.length) continue;
          ring.cancelAt(what);
          list = list.map((entry, i) => (i === what ? { ...entry, isCancelled: true } : entry));
          continue;
        }
        switch (what) {
          case 'push':
            ring.push(LOT, next, next * 2);
            list.push({ position: next++, isCancelled: false });
            break;
          case 'unshift':
            ring.unshift(LOT, next, next * 2);
            list.unshift({ position: next++, isCancelled: false });
            break;
          case 'drop first':
            if (list.shift() !== undefined) ring.dropFirst();
            break;
          case 'drop last':
            if (list.pop() !== undefined) ring.dropLast();
            break;
          case 'remove cancelled':
            list = list.filter(({ isCancelled }) => !isCancelled);
            ring.removeCancelled();
            break;
          case 'clear':
            list = [];
            ring.clear();
            break;
          default:
            what satisfies never;
        }
        expect(ring.count).toBe(list.length);
        list.forEach(({ position, isCancelled }, index) => {
          expect(ring.lotAt(index)).toBe(LOT);
          expect(ring.positionAt(index)).toBe(position);
          expect(ring.workUsAt(index)).toBe(position * 2);
          expect(ring.isCancelledAt(index)).toBe(isCancelled);
        });
      }
    }),
  );
});

test('an entry that is not there cannot be read', () => {
  const ring = new InstanceRing(2);
  ring.push(LOT, 0, 0);
  expect(() => ring.lotAt(1)).toThrow('no such entry');
  ring.dropFirst();
  expect(() => ring.lotAt(0)).toThrow('no such entry');
});
