import { create } from '@bufbuild/protobuf';
import { CLEANUP_TASK_INDEX, COMMIT_TASK_INDEX, LIMITS } from '@spider/core';
import { describe, expect, it } from 'vitest';

import {
  ExecutionContextSchema,
  fromExecutionContext,
  fromNextTaskResponse,
  fromReferenceTaskId,
  NextTaskResponseSchema,
  TaskIdSchema,
  toReferenceTaskId,
} from '../reference.ts';

describe("a task of the reference's services", () => {
  it('has the same name on both sides', () => {
    for (const index of [0, 300, COMMIT_TASK_INDEX, CLEANUP_TASK_INDEX]) {
      expect(fromReferenceTaskId(toReferenceTaskId(index))).toBe(index);
    }
  });

  it('is refused if it is not said which', () => {
    expect(() => fromReferenceTaskId(undefined)).toThrow('task_id: is missing');
    expect(() => fromReferenceTaskId(create(TaskIdSchema))).toThrow('neither index');
  });

  it('is none that there is if its index is larger than any', () => {
    const kind = { case: 'index', value: 2n ** 64n - 1n } as const;
    expect(fromReferenceTaskId(create(TaskIdSchema, { kind }))).toBe(LIMITS.tasksPerJob);
  });
});

describe("the answer of the reference's scheduler", () => {
  it('holds an assignment, or says that there is none', () => {
    const value = {
      id: 0n,
      jobId: 2n,
      taskId: toReferenceTaskId(3),
      schedulerId: 4n,
      sessionId: 5n,
    };
    const answer = create(NextTaskResponseSchema, { result: { case: 'assignment', value } });
    expect(fromNextTaskResponse(answer)).toMatchObject({ assignment: value, taskIndex: 3 });
    const none = create(NextTaskResponseSchema, { result: { case: 'noTask', value: {} } });
    expect(fromNextTaskResponse(none)).toBeUndefined();
  });

  it('is refused if it says neither', () => {
    expect(() => fromNextTaskResponse(create(NextTaskResponseSchema))).toThrow('neither a task');
  });

  it('is refused if it names no task', () => {
    const result = { case: 'assignment', value: { jobId: 2n } } as const;
    const answer = create(NextTaskResponseSchema, { result });
    expect(() => fromNextTaskResponse(answer)).toThrow('task_id: is missing');
  });
});

describe("an execution context of the reference's storage", () => {
  const tdlContext = { package: 'p', taskFunc: 'f' };
  const timeoutPolicy = { softTimeoutMs: 150_000n, hardTimeoutMs: 300_000n };

  it('has a task and its timeouts', () => {
    const context = create(ExecutionContextSchema, { tdlContext, timeoutPolicy });
    expect(fromExecutionContext(context)).toMatchObject({ tdlContext, timeoutPolicy });
  });

  it('is refused without any of its parts', () => {
    expect(() => fromExecutionContext(undefined)).toThrow('no execution_context');
    const withoutTask = create(ExecutionContextSchema, { timeoutPolicy });
    expect(() => fromExecutionContext(withoutTask)).toThrow('no tdl_context');
    const withoutTimeouts = create(ExecutionContextSchema, { tdlContext });
    expect(() => fromExecutionContext(withoutTimeouts)).toThrow('no timeout_policy');
  });
});
