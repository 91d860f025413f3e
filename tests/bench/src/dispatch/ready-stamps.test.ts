import { expect, it } from 'vitest';
import { dispatchTimes } from './ready-stamps.ts';

it('takes the time of each task but the first from ready to running', () => {
  expect(dispatchTimes([5, 7], [2, 6.5, 10])).toEqual([1.5, 3]);
});

it('takes nothing from stamps that do not fit the tasks', () => {
  expect(() => dispatchTimes([5], [2, 6, 10])).toThrow(
    '3 tasks ran, and 1 became ready after another',
  );
  // As if the stamps were of another clock, or of another job.
  expect(() => dispatchTimes([7], [2, 6])).toThrow('task 1 became ready at 7 and ran at 6');
  expect(() => dispatchTimes([1.5], [2, 6])).toThrow('task 1 became ready at 1.5');
});
