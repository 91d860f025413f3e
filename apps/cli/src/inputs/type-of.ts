import {
  boolean,
  bytes,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  invalidArgument,
  list,
  map,
  type Type,
  type ValueType,
} from '@spider/core';

const SCALARS = { int8, int16, int32, int64, float32, float64, boolean, bytes } as const;

/**
 * The type whose values travel as a graph's descriptor says.
 *
 * @throws SpiderError 'invalid-argument' for a struct: a graph knows the name of one, not its fields.
 */
export function typeOf(descriptor: ValueType): Type<unknown> {
  switch (descriptor.type) {
    case 'list':
      return list(typeOf(descriptor.element)) as Type<unknown>;
    case 'map':
      return map(SCALARS[descriptor.key.type] as never, typeOf(descriptor.value)) as Type<unknown>;
    case 'struct':
      throw invalidArgument(
        `${descriptor.name} is a struct, whose fields the graph does not know: submit a module instead`,
      );
    default:
      return SCALARS[descriptor.type];
  }
}
