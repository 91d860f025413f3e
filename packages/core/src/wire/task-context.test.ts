import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpiderError } from '../error.ts';
import {
  COMMIT_TASK_INDEX,
  ID_MAX,
  type JobId,
  type ResourceGroupId,
  type TaskInstanceId,
  toId,
} from '../id.ts';
import { decodeTaskContext, encodeTaskContext, type TaskContextFields } from './task-context.ts';
import { fromHex } from './testing/hex.ts';

const id = fc.bigInt({ min: 0n, max: ID_MAX });

test('any ids and outputs come back as they were', () => {
  fc.assert(
    fc.property(
      id,
      id,
      id,
      fc.nat(),
      fc.option(fc.uint8Array()),
      (job, instance, group, index, outputs) => {
        const fields: TaskContextFields = {
          jobId: toId(job),
          taskIndex: outputs === null ? index : COMMIT_TASK_INDEX,
          taskInstanceId: toId(instance),
          resourceGroupId: toId(group),
          outputs: outputs ?? undefined,
        };
        expect(decodeTaskContext(encodeTaskContext(fields))).toEqual(fields);
      },
    ),
  );
});

test('a commit task has outputs, and no other task has', () => {
  const fields = {
    jobId: toId<JobId>(1),
    taskInstanceId: toId<TaskInstanceId>(1),
    resourceGroupId: toId<ResourceGroupId>(1),
  };
  const commit = { ...fields, taskIndex: COMMIT_TASK_INDEX, outputs: undefined };
  expect(() => encodeTaskContext(commit)).toThrow('lacks the outputs of its job');
  expect(() => decodeTaskContext(fromHex('95 07 a6436f6d6d6974 0a 01 c0'))).toThrow('lacks');
  const regular = { ...fields, taskIndex: 3, outputs: new Uint8Array(5) };
  expect(() => encodeTaskContext(regular)).toThrow('only the context of a commit task');
  expect(() => decodeTaskContext(fromHex('95 07 81a5496e64657803 09 01 90'))).toThrow('only');
});

test.each([
  ['', 'expected task context, got nothing'],
  ['c0', 'expected task context, got nil'],
  ['94 07 81a5496e64657803 09 01', 'of 5 fields, got 4'],
  ['95 07 a3596573 09 01 c0', 'expected a task id, got "Yes"'],
  ['95 07 82a5496e64657803 09 01 c0', 'got a map of 2 entries'],
  ['95 ff 81a5496e64657803 09 01 c0', 'expected job id (0…2^64−1), got -1'],
  ['95 07 81a5496e646578 ceffffffff 09 01 c0', 'expected task index'],
])('%s is no task context', (hex, message) => {
  expect(() => decodeTaskContext(fromHex(hex))).toThrow(message);
});

test('a context that was cut anywhere is refused', () => {
  const context = fromHex('95 cd012c 81a5496e64657803 0b 01 c0');
  for (let length = 0; length < context.length; length++) {
    expect(() => decodeTaskContext(context.subarray(0, length))).toThrow(SpiderError);
  }
});
