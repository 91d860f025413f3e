/**
 * Whatever lives long. It is made, run once, perhaps drained, and disposed of, which is allowed at
 * any time and more than once, and frees all that it holds.
 */
export interface Service extends AsyncDisposable {
  /**
   * Works until the signal is aborted, then stops at once and resolves. Rejects if it cannot go on
   * by itself.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Takes nothing new and resolves when what it has begun is done; `run` still goes on. */
  drain(): Promise<void>;
}
