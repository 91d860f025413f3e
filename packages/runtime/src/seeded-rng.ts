import type { Rng } from './rng.ts';

/**
 * The same numbers for the same seed, on every machine: xoshiro128** 1.1 by Blackman and Vigna. The
 * seed is mixed first, since the generator's own first draws for neighbouring seeds look alike.
 */
export class SeededRng implements Rng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** Takes any integer, or a text such as a name. */
  constructor(seed: number | bigint | string) {
    const mix = splitMix32(typeof seed === 'string' ? hashText(seed) : foldInteger(BigInt(seed)));
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    // A state of all zeros would stay there.
    this.#d = mix() | 1;
  }

  uint32(): number {
    const scrambled = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return scrambled >>> 0;
  }

  /** Has all the 53 bits of a float64. */
  float(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }
}

const rotateLeft = (value: number, bits: number): number =>
  (value << bits) | (value >>> (32 - bits));

function splitMix32(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x9e37_79b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return mixed ^ (mixed >>> 15);
  };
}

function foldInteger(seed: bigint): number {
  let folded = 0;
  let rest = BigInt.asUintN(128, seed);
  do {
    folded = splitMix32(folded ^ Number(rest & 0xffff_ffffn))();
    rest >>= 32n;
  } while (rest > 0n);
  return folded;
}

function hashText(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  }
  return hash;
}
