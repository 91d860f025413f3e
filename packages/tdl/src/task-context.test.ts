import { EMPTY_FRAME, encodeTaskContext, toId } from '@spider/core';
import { describe, expect, test, vi } from 'vitest';
import {
  definePackage,
  defineTask,
  type TaskContext,
  TaskError,
  taskPackageEntry,
} from './index.ts';
import type { TaskHost } from './task-host.ts';

const zstd = { compress: (bytes: Uint8Array) => bytes, decompress: (bytes: Uint8Array) => bytes };

/** What a task sees of an executor that lends it so much. */
function contextWith(host: Partial<TaskHost>): TaskContext {
  let seen: TaskContext | undefined;
  const run = (context: TaskContext): void => {
    seen = context;
  };
  const look = defineTask({ name: 'look', inputs: [], outputs: [], run });
  const tasks = definePackage({ name: 'p', version: '1', tasks: [look] });
  const context = encodeTaskContext({
    jobId: toId(2n ** 63n),
    taskIndex: 3,
    taskInstanceId: toId(9),
    resourceGroupId: toId(1),
    outputs: undefined,
  });
  void taskPackageEntry(tasks)?.execute('look', context, EMPTY_FRAME, { zstd, ...host });
  return seen ?? expect.fail('the task did not run');
}

describe('the signal of a task', () => {
  test('is made when it is asked for, and aborts with the reason that the executor gives', () => {
    const onStop = vi.fn<NonNullable<TaskHost['onStop']>>();
    const context = contextWith({ taskNumber: 7, onStop });
    expect(onStop).not.toHaveBeenCalled();
    const { signal } = context;
    expect(context.signal).toBe(signal);
    expect(onStop).toHaveBeenCalledExactlyOnceWith(7, expect.any(Function));
    expect(signal.aborted).toBe(false);
    onStop.mock.calls[0]?.[1]('the task was cancelled');
    expect(signal.reason).toEqual(new TaskError('the task was cancelled'));
  });

  test('never aborts where nobody can tell', () => {
    expect(contextWith({}).signal.aborted).toBe(false);
  });
});

describe('the logger of a task', () => {
  test('says of which job, task and task instance a line is', () => {
    const log = vi.fn<NonNullable<TaskHost['log']>>();
    const { logger } = contextWith({ log });
    logger.warn('half done', { share: 0.5 });
    logger.debug('done');
    const ids = { jobId: String(2n ** 63n), taskIndex: 3, taskInstanceId: '9' };
    expect(log.mock.calls).toEqual([
      ['warn', 'half done', { ...ids, share: 0.5 }],
      ['debug', 'done', ids],
    ]);
  });

  test('drops its lines where nobody takes them', () => {
    expect(() => contextWith({}).logger.error('nobody hears this')).not.toThrow();
  });
});
