import type { MapKeyType, TypeDescriptor, ValueType } from '../../value/type-descriptor.ts';
import type { DocumentWriter } from './document-writer.ts';
import { MAP_TYPE } from './task-graph-schema.ts';

export function writeType(writer: DocumentWriter, type: TypeDescriptor): void {
  writer.beginVariant(type.shared ? 'SharedValue' : 'Value');
  writeValueType(writer, type.value);
  writer.endVariant();
}

function writeValueType(writer: DocumentWriter, value: ValueType): void {
  switch (value.type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      writer.beginVariant('Primitive');
      writeInt(writer, value.type);
      writer.endVariant();
      return;
    case 'float32':
    case 'float64':
      writer.beginVariant('Primitive');
      writer.beginVariant('Float');
      writer.writeText(value.type === 'float32' ? 'Float32' : 'Float64');
      writer.endVariant();
      writer.endVariant();
      return;
    case 'boolean':
      writer.beginVariant('Primitive');
      writer.writeText('Boolean');
      writer.endVariant();
      return;
    case 'bytes':
      writeBytes(writer);
      return;
    case 'struct':
      writer.beginVariant('Struct');
      writer.writeText(value.name);
      writer.endVariant();
      return;
    case 'list':
      writer.beginVariant('List');
      writeValueType(writer, value.element);
      writer.endVariant();
      return;
    case 'map':
      writer.beginVariant('Map');
      writer.beginStruct(MAP_TYPE.names.length);
      writer.writeKey(MAP_TYPE.names[0]);
      writeKeyType(writer, value.key);
      writer.writeKey(MAP_TYPE.names[1]);
      writeValueType(writer, value.value);
      writer.endStruct();
      writer.endVariant();
      return;
    default:
      value satisfies never;
  }
}

function writeKeyType(writer: DocumentWriter, key: MapKeyType): void {
  if (key.type === 'bytes') writeBytes(writer);
  else writeInt(writer, key.type);
}

const INT_NAMES = { int8: 'Int8', int16: 'Int16', int32: 'Int32', int64: 'Int64' } as const;

function writeInt(writer: DocumentWriter, type: keyof typeof INT_NAMES): void {
  writer.beginVariant('Int');
  writer.writeText(INT_NAMES[type]);
  writer.endVariant();
}

function writeBytes(writer: DocumentWriter): void {
  writer.beginVariant('Bytes');
  writer.beginStruct(0);
  writer.endStruct();
  writer.endVariant();
}
