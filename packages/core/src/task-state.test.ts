import { describe, expect, it } from 'vitest';
import { canTaskMove, isFinalTaskState, TaskState, taskStateName } from './task-state.ts';

const ALL = Object.values(TaskState);

describe('task states', () => {
  it('fit in a byte and have a name each', () => {
    expect(ALL).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(new Set(ALL.map(taskStateName)).size).toBe(ALL.length);
  });

  it('let only a running task succeed or fail', () => {
    for (const from of ALL) {
      expect(canTaskMove(from, TaskState.Succeeded)).toBe(from === TaskState.Running);
      expect(canTaskMove(from, TaskState.Failed)).toBe(from === TaskState.Running);
    }
  });

  it('let a lost or retried task become ready again, and nothing that is final', () => {
    expect(canTaskMove(TaskState.Running, TaskState.Ready)).toBe(true);
    for (const from of ALL.filter(isFinalTaskState)) {
      expect(ALL.some((to) => canTaskMove(from, to))).toBe(false);
    }
  });

  it('let only a task that waits for its parents be skipped', () => {
    for (const from of ALL) {
      expect(canTaskMove(from, TaskState.Skipped)).toBe(from === TaskState.Pending);
    }
  });

  it('let every task that is not final be cancelled', () => {
    for (const from of ALL) {
      expect(canTaskMove(from, TaskState.Cancelled)).toBe(!isFinalTaskState(from));
    }
  });
});
