import type { Type } from '@spider/core';

/** A tuple of so many elements of one type; an array where the number is not known. */
export type Repeat<
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

/** A tuple of so many values, to be given to a task with `repeat` inputs: `...tuple(25, valueOf)`. */
export function tuple<T, const Count extends number>(
  count: Count,
  valueOf: (position: number) => T,
): Repeat<T, Count> {
  const values: readonly T[] = Array.from({ length: count }, (_, position) => valueOf(position));
  return values as Repeat<T, Count>;
}
