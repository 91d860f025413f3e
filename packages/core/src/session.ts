import type { SessionId } from './id.ts';

/**
 * Follows the session number of storage, which tells one start of it from the next. The number only
 * moves forward: whatever carries a lower one comes from the past and is refused.
 */
export class SessionTracker {
  #current: SessionId;

  constructor(initial: SessionId = 0n as SessionId) {
    this.#current = initial;
  }

  get current(): SessionId {
    return this.#current;
  }

  /** Moves to a later session. Answers whether it did; an equal or earlier one changes nothing. */
  tryAdvance(session: SessionId): boolean {
    if (session <= this.#current) return false;
    this.#current = session;
    return true;
  }
}
