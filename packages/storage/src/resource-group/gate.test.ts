import { expect, test } from 'vitest';
import { Gate } from './gate.ts';

function start() {
  const gate = new Gate({ what: 'guests', running: 2, waiting: 2, key: 'tables' });
  const entered: string[] = [];
  const enter = (name: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const left = gate.run(() => {
      entered.push(name);
      return promise;
    });
    return { left, leave: () => resolve(name), fail: () => reject(new Error(name)) };
  };
  return { enter, entered };
}

test('so many run, and the next ones follow in order', async () => {
  const { enter, entered } = start();
  const [a, b, c, d] = [enter('a'), enter('b'), enter('c'), enter('d')];
  expect(entered).toEqual(['a', 'b']);
  b.leave();
  expect(await b.left).toBe('b');
  expect(entered).toEqual(['a', 'b', 'c']);
  a.fail();
  await expect(a.left).rejects.toThrow('a');
  expect(entered).toEqual(['a', 'b', 'c', 'd']);
  c.leave();
  d.leave();
  await Promise.all([c.left, d.left]);
  enter('e');
  enter('f');
  enter('g');
  expect(entered).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('those for whom there is no place to wait are turned away', async () => {
  const { enter, entered } = start();
  const guests = ['a', 'b', 'c', 'd'].map(enter);
  await expect(enter('e').left).rejects.toMatchObject({
    code: 'resource-exhausted',
    message: '2 guests wait, and tables allows no more',
  });
  for (const { leave } of guests) leave();
  await Promise.all(guests.map(({ left }) => left));
  expect(entered).toEqual(['a', 'b', 'c', 'd']);
});
