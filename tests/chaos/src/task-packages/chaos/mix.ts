import { bytes } from '@spider/tdl';

/** How many parents a task may have. */
export const ARITIES = [0, 1, 2, 4, 25] as const;

export const bytesTypes = (count: number): (typeof bytes)[] =>
  Array.from({ length: count }, () => bytes);

/** What a task computes: every byte of its output hangs on every byte of its inputs. */
export function mix(salt: number, size: number, values: readonly Uint8Array[]): Uint8Array {
  let hash = 0x811c_9dc5 ^ salt;
  for (const value of values) {
    for (const byte of value) hash = Math.imul(hash ^ byte, 0x0100_0193);
    hash = Math.imul(hash ^ value.length, 0x0100_0193);
  }
  const output = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    hash ^= hash << 13;
    hash ^= hash >>> 17;
    hash ^= hash << 5;
    output[at] = hash & 0xff;
  }
  return output;
}
