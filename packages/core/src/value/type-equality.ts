import { invalidArgument } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { utf8ByteLength } from './utf8.ts';
import type { TypeDescriptor, ValueType } from './type-descriptor.ts';

/** Whether two descriptors denote the same type. A shared value is never equal to a plain one. */
export function typeEquals(a: TypeDescriptor, b: TypeDescriptor): boolean {
  return a === b || (a.shared === b.shared && valueTypeEquals(a.value, b.value));
}

function valueTypeEquals(a: ValueType, b: ValueType): boolean {
  switch (a.type) {
    case 'struct':
      return b.type === 'struct' && a.name === b.name;
    case 'list':
      return b.type === 'list' && valueTypeEquals(a.element, b.element);
    case 'map':
      return b.type === 'map' && a.key.type === b.key.type && valueTypeEquals(a.value, b.value);
    default:
      return a.type === b.type;
  }
}

/**
 * A type as people read it, for example `list<float64>` or `shared map<int32, struct "Point">`. Two
 * types have the same text exactly when they are equal, so it also serves as a key.
 */
export function formatType(descriptor: TypeDescriptor): string {
  const value = formatValueType(descriptor.value);
  return descriptor.shared ? `shared ${value}` : value;
}

function formatValueType(value: ValueType): string {
  switch (value.type) {
    case 'struct':
      return `struct ${JSON.stringify(value.name)}`;
    case 'list':
      return `list<${formatValueType(value.element)}>`;
    case 'map':
      return `map<${value.key.type}, ${formatValueType(value.value)}>`;
    default:
      return value.type;
  }
}

/**
 * Refuses a descriptor that is nested deeper than `LIMITS.typeDepth` or has a struct without a
 * usable name.
 *
 * @throws SpiderError 'invalid-argument' saying what is wrong with the type.
 */
export function validateTypeDescriptor(descriptor: TypeDescriptor): void {
  let value = descriptor.value;
  for (let depth = 1; depth <= LIMITS.typeDepth; depth++) {
    switch (value.type) {
      case 'list':
        value = value.element;
        break;
      case 'map':
        value = value.value;
        break;
      case 'struct':
        validateStructName(value.name);
        return;
      case 'int8':
      case 'int16':
      case 'int32':
      case 'int64':
      case 'float32':
      case 'float64':
      case 'boolean':
      case 'bytes':
        return;
      default:
        throw invalidArgument(`${JSON.stringify(value satisfies never)} is not a type`);
    }
  }
  throw invalidArgument(`the type is nested deeper than ${LIMITS.typeDepth} levels`);
}

function validateStructName(name: string): void {
  if (name === '') throw invalidArgument('a struct type has an empty name');
  if (!name.isWellFormed()) throw invalidArgument('the name of a struct type is not Unicode text');
  const bytes = utf8ByteLength(name);
  if (bytes > LIMITS.structNameBytes) {
    throw invalidArgument(
      `the name of a struct type has ${bytes} bytes, more than ${LIMITS.structNameBytes}`,
    );
  }
}
