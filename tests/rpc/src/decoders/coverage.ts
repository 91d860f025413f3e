import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';

/** Which code has run, block by block, by V8's own count. */
export class BlockCoverage {
  readonly #session: Session;
  readonly #isOf: (url: string) => boolean;
  /** By function: for each of its characters 1 once it has run. */
  readonly #seen = new Map<string, Uint8Array>();
  #size = 0;

  private constructor(session: Session, isOf: (url: string) => boolean) {
    this.#session = session;
    this.#isOf = isOf;
  }

  /** Of the scripts that this is true of. */
  static async start(isOf: (url: string) => boolean): Promise<BlockCoverage> {
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    return new BlockCoverage(session, isOf);
  }

  /** How many characters of code have run so far. */
  get size(): number {
    return this.#size;
  }

  /** Whether something has run since it was asked last that never had; with `note`, it has from now on. */
  async hasNew(note: boolean): Promise<boolean> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage');
    let isNew = false;
    for (const { url, functions } of result) {
      if (!this.#isOf(url)) continue;
      for (const { ranges } of functions) {
        const ran = charactersThatRan(ranges);
        const key = `${url}:${ranges[0]?.startOffset}:${ranges[0]?.endOffset}`;
        const seen = this.#seen.get(key) ?? new Uint8Array(ran.length);
        if (note) this.#seen.set(key, seen);
        for (let at = 0; at < ran.length; at++) {
          if (ran[at] === 0 || seen[at] === 1) continue;
          isNew = true;
          if (!note) break;
          seen[at] = 1;
          this.#size += 1;
        }
      }
    }
    return isNew;
  }

  async stop(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage');
    await this.#session.post('Profiler.disable');
    this.#session.disconnect();
  }
}

/**
 * Of one function; inner ranges follow outer ones. Ranges themselves are no measure, as V8 joins those
 * that have run equally often.
 */
function charactersThatRan(ranges: readonly Profiler.CoverageRange[]): Uint8Array {
  const start = ranges[0]?.startOffset ?? 0;
  const ran = new Uint8Array((ranges[0]?.endOffset ?? start) - start);
  for (const { startOffset, endOffset, count } of ranges) {
    ran.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
  }
  return ran;
}
