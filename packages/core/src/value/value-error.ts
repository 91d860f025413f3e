import { SpiderError } from '../error.ts';

const BRAND = Symbol.for('spider.core.value-error');

/**
 * A value that does not fit its type. The path says where in the value: `input 2.points[7].x`.
 *
 * Whatever holds other values adds its part of the path while the error passes through it, so that
 * reading and writing a value that fits costs nothing for it.
 */
export class ValueError extends SpiderError {
  override readonly name: string = 'ValueError';
  readonly [BRAND] = true;
  readonly reason: string;
  readonly path: string;

  constructor(reason: string, path = '') {
    super('invalid-argument', path === '' ? reason : `${path}: ${reason}`);
    this.reason = reason;
    this.path = path;
  }

  /** Also true for errors of another copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}

/** Puts `part` before the path of a ValueError; leaves any other error as it is. */
export function withPath(part: string, error: unknown): unknown {
  return error instanceof ValueError ? new ValueError(error.reason, part + error.path) : error;
}

/** Names a JavaScript value in an error: its kind, and a number's value. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Map) return 'map';
  if (typeof value === 'number') return `number ${value}`;
  if (typeof value === 'bigint') return `bigint ${value}`;
  return typeof value;
}
