import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('those who want the same wait for one another, others do not', async () => {
  const turns = new Turns<number>();
  const order: string[] = [];
  const { promise, reject } = Promise.withResolvers<void>();
  const first = turns.take(1, async () => {
    order.push('first');
    await promise;
  });
  const second = turns.take(1, async () => order.push('second'));
  await turns.take(2, async () => order.push('other'));
  expect(order).toEqual(['first', 'other']);
  reject(new Error('no'));
  await expect(first).rejects.toThrow('no');
  await second;
  await turns.take(1, async () => order.push('third'));
  expect(order).toEqual(['first', 'other', 'second', 'third']);
});
