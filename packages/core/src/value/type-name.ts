import type { ValueType } from './type-descriptor.ts';

const SCALARS = {
  int8: 'Int8',
  int16: 'Int16',
  int32: 'Int32',
  int64: 'Int64',
  float32: 'Float32',
  float64: 'Float64',
  boolean: 'Boolean',
  bytes: 'Bytes',
} as const;

/** What a type is called in the name of a struct that stands for an optional one: `Option<Float64>`. */
export function typeName(type: ValueType): string {
  switch (type.type) {
    case 'struct':
      return type.name;
    case 'list':
      return `List<${typeName(type.element)}>`;
    case 'map':
      return `Map<${typeName(type.key)}, ${typeName(type.value)}>`;
    default:
      return SCALARS[type.type];
  }
}
