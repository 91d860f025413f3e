import { randomFillSync } from 'node:crypto';

import type { Rng } from '../rng.ts';

const POOL_WORDS = 256;

/** Different numbers each time, from the system's generator. */
export class CryptoRng implements Rng {
  readonly #pool = new Uint32Array(POOL_WORDS);
  #used = POOL_WORDS;

  uint32(): number {
    if (this.#used === POOL_WORDS) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    return this.#pool[this.#used++] ?? 0;
  }

  float(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }
}
