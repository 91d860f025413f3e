import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';

/** Wire types of protobuf; groups, which have two more, are out of use. */
export const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const;

/** How a field may be encoded. */
export interface FieldShape {
  /** Of one value. */
  readonly wireType: number;
  /** Whether several values may be packed into bytes. */
  readonly isPackable: boolean;
  /** Of a field with a message, or a map's entry. */
  readonly message: MessageShape | undefined;
}

/** The fields of a message by number. */
export type MessageShape = ReadonlyMap<number, FieldShape>;

const shapes = new WeakMap<DescMessage, MessageShape>();

/** What can be in a message of this type. */
export function shapeOf(type: DescMessage): MessageShape {
  const known = shapes.get(type);
  if (known !== undefined) return known;
  const shape = new Map<number, FieldShape>();
  // A type may contain itself.
  shapes.set(type, shape);
  for (const field of type.fields) shape.set(field.number, fieldShape(field));
  return shape;
}

function fieldShape(field: DescField): FieldShape {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarShape(field.scalar, false);
    case 'enum':
      return scalarShape(ScalarType.INT32, false);
    case 'message':
      return messageShape(shapeOf(field.message));
    case 'map':
      return messageShape(
        new Map([
          [1, scalarShape(field.mapKey, false)],
          [2, mapValueShape(field)],
        ]),
      );
    case 'list':
      if (field.listKind === 'message') return messageShape(shapeOf(field.message));
      return scalarShape(field.listKind === 'enum' ? ScalarType.INT32 : field.scalar, true);
    default:
      return field satisfies never;
  }
}

function mapValueShape(field: DescField & { readonly fieldKind: 'map' }): FieldShape {
  if (field.mapKind === 'message') return messageShape(shapeOf(field.message));
  return scalarShape(field.mapKind === 'enum' ? ScalarType.INT32 : field.scalar, false);
}

const messageShape = (message: MessageShape): FieldShape => ({
  wireType: WireType.Bytes,
  isPackable: false,
  message,
});

function scalarShape(scalar: ScalarType, isList: boolean): FieldShape {
  const wireType = wireTypeOf(scalar);
  const isPackable = isList && wireType !== WireType.Bytes;
  return { wireType, isPackable, message: undefined };
}

function wireTypeOf(scalar: ScalarType): number {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.Bytes;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Fixed64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Fixed32;
    default:
      return WireType.Varint;
  }
}
