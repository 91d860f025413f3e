import { invalidArgument, type ValueType } from '@spider/core';

/**
 * What a JSON value stands for where a type is wanted: an int64 may be a number or a text, bytes are a
 * text in UTF-8 or a list of numbers, a map is an object. The rest is as it is; whether it fits is
 * checked when it is written.
 *
 * @throws SpiderError 'invalid-argument' for what can stand for nothing of that type.
 */
export function valueFromJson(json: unknown, type: ValueType): unknown {
  switch (type.type) {
    case 'int64':
      return bigIntOf(json);
    case 'bytes':
      return bytesOf(json);
    case 'list':
      return Array.isArray(json) ? json.map((each) => valueFromJson(each, type.element)) : json;
    case 'map':
      if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
      return new Map(
        Object.entries(json).map(([key, value]) => [
          keyOf(key, type.key.type),
          valueFromJson(value, type.value),
        ]),
      );
    default:
      return json;
  }
}

function keyOf(key: string, type: string): unknown {
  if (type === 'bytes') return new TextEncoder().encode(key);
  return type === 'int64' ? bigIntOf(key) : Number(key);
}

function bigIntOf(json: unknown): unknown {
  if (typeof json === 'number' && Number.isSafeInteger(json)) return BigInt(json);
  if (typeof json === 'string' && /^-?\d{1,19}$/.test(json)) return BigInt(json);
  throw invalidArgument(
    `${JSON.stringify(json)} is no int64: give a whole number, a large one as a text`,
  );
}

function bytesOf(json: unknown): unknown {
  if (typeof json === 'string') return new TextEncoder().encode(json);
  return Array.isArray(json) ? Uint8Array.from(json as number[]) : json;
}
