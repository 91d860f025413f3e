import { describe, expect, expectTypeOf, it } from 'vitest';
import { ID_MAX, parseId, toId } from './id.ts';
import type { JobId, SessionId, TaskInstanceId } from './id.ts';

describe('ids', () => {
  it('cover the whole of uint64', () => {
    expect(toId<JobId>(0)).toBe(0n);
    expect(toId<JobId>(ID_MAX)).toBe(18446744073709551615n);
  });

  it('of different kinds may have the same number, and are different types', () => {
    const job = toId<JobId>(7);
    const instance = toId<TaskInstanceId>(7);
    expect<bigint>(job).toBe(instance);
    expectTypeOf(job).not.toExtend<TaskInstanceId>();
    expectTypeOf(instance).not.toExtend<JobId>();
  });

  it('refuse what is not a uint64', () => {
    expect(() => toId<JobId>(-1)).toThrow('not an id');
    expect(() => toId<JobId>(ID_MAX + 1n)).toThrow('outside 0…2^64−1');
    expect(() => toId<JobId>(1.5)).toThrow(RangeError);
  });

  it('are read from decimal text alone', () => {
    expect(parseId<SessionId>('42')).toBe(42n);
    for (const text of ['', '-1', '0x10', '1e3', ' 7', '18446744073709551616', '1'.repeat(30)]) {
      expect(() => parseId<SessionId>(text), text).toThrow('not an id');
    }
  });
});
