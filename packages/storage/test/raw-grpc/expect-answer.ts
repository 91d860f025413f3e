import { expect } from 'vitest';
import { Code } from './raw-client.ts';
import type { RawAnswer } from './raw-client.ts';

/** The call went well, and brought nothing. */
export function expectVoid({ code, message, body }: RawAnswer): void {
  expect({ code, message, body: body.toString('hex') }).toEqual({
    code: Code.Ok,
    message: '',
    body: '',
  });
}

/** The call was refused with this code, in a message that has this text, and brought nothing. */
export function expectRefused(
  { code, message, body }: RawAnswer,
  expected: number,
  text: string,
): void {
  expect({ code, body: body.toString('hex') }, message).toEqual({ code: expected, body: '' });
  expect(message).toContain(text);
}
