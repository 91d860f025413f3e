import { describe, expect, it } from 'vitest';
import { SessionTracker } from './session.ts';
import { toId } from './id.ts';
import type { SessionId } from './id.ts';

const session = (value: number): SessionId => toId<SessionId>(value);

describe('the session tracker', () => {
  it('moves forward', () => {
    const tracker = new SessionTracker();
    expect(tracker.current).toBe(0n);
    expect(tracker.tryAdvance(session(3))).toBe(true);
    expect(tracker.current).toBe(3n);
  });

  it('refuses an equal or an earlier session and keeps its value', () => {
    const tracker = new SessionTracker(session(5));
    expect(tracker.tryAdvance(session(5))).toBe(false);
    expect(tracker.tryAdvance(session(4))).toBe(false);
    expect(tracker.current).toBe(5n);
  });

  it('ends at the highest session, in whatever order they arrive', () => {
    const tracker = new SessionTracker();
    for (let step = 1; step <= 1000; step++) tracker.tryAdvance(session((step * 2) % 1001));
    expect(tracker.current).toBe(1000n);
  });
});
