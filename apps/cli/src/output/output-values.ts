import { Unpackr } from 'msgpackr';

const unpackr = new Unpackr({ int64AsType: 'bigint', mapsAsObjects: true, useRecords: false });

/** What the MessagePack values of a job's outputs hold, without knowing their types. */
export const outputValues = (outputs: readonly Uint8Array[]): readonly unknown[] =>
  outputs.map((bytes) => withNumbers(unpackr.unpack(bytes)));

/** Where a number says the same as a bigint it reads better. */
function withNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withNumbers);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withNumbers(each)]));
}
