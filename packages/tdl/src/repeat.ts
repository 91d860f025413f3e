import type { Type } from '@spider/core';

type Repeat<
  T,
  Count extends number,
  Sofar extends readonly T[] = readonly [],
> = number extends Count
  ? readonly T[]
  : Sofar['length'] extends Count
    ? Sofar
    : Repeat<T, Count, readonly [...Sofar, T]>;

/** The same type several times: `inputs: repeat(float64, 25)`. */
export function repeat<T extends Type<unknown>, const Count extends number>(
  type: T,
  count: Count,
): Repeat<T, Count> {
  return Array.from({ length: count }, () => type) as readonly T[] as Repeat<T, Count>;
}
