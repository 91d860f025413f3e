import { SeededRng } from '@spider/runtime';

/** What is drawn by lot, the same for the same seed. */
export class Draw {
  readonly #rng: SeededRng;

  constructor(seed: number | string) {
    this.#rng = new SeededRng(seed);
  }

  /** A whole number below this one. */
  below(end: number): number {
    return Math.floor(this.#rng.float() * end);
  }

  chance(probability: number): boolean {
    return this.#rng.float() < probability;
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }

  /** Any number of so many bits, most often one at the edge of a range. */
  unsigned(bits: 32 | 64): bigint {
    const whole = (BigInt(this.#rng.uint32()) << 32n) | BigInt(this.#rng.uint32());
    const edge = 1n << BigInt(this.pick([0, 1, 8, 16, 20, 31, 32, 53, 63, 64]));
    const value = this.chance(0.4) ? edge - 1n : this.chance(0.4) ? edge : whole;
    return BigInt.asUintN(bits, value);
  }

  bytes(lengthMax: number): Buffer {
    const bytes = Buffer.alloc(this.below(lengthMax + 1));
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.below(256);
    return bytes;
  }

  text(): string {
    return this.chance(0.05)
      ? this.pick(['ä', 'x', '\u0000', '🕷', '%', '\n']).repeat(this.below(2000))
      : this.pick(TEXTS);
  }

  /** These in another order. */
  shuffled<T>(values: readonly T[]): T[] {
    const all = [...values];
    for (let end = all.length; end > 1; end--) {
      const at = this.below(end);
      [all[at], all[end - 1]] = [all[end - 1] as T, all[at] as T];
    }
    return all;
  }
}

const TEXTS = [
  '',
  'a',
  'b',
  'default',
  '127.0.0.1',
  '::1',
  "'; drop table jobs; --",
  '%s%n',
  '\u0000',
  '\ufeff',
  '../../etc/passwd',
  'ünï😀',
] as const;
