import { expect, it } from 'vitest';
import { dropEndlessDeadline } from './endless-deadline.ts';

it.each([
  ['grpc-timeout', '99999999H'],
  ['grpc-timeout', '597H'],
  ['grpc-timeout', '35792M'],
  ['grpc-timeout', '2147484S'],
  ['connect-timeout-ms', '2147483648'],
])('drops the header %s with %s, which no timer can hold', (name, value) => {
  const header = new Headers({ [name]: value, te: 'trailers' });
  dropEndlessDeadline(header);
  expect([...header.keys()]).toEqual(['te']);
});

it.each([
  ['grpc-timeout', '596H'],
  ['grpc-timeout', '35791M'],
  ['grpc-timeout', '2147483S'],
  ['grpc-timeout', '99999999m'],
  ['grpc-timeout', '1n'],
  ['grpc-timeout', 'x'],
  ['connect-timeout-ms', '2147483647'],
])('keeps the header %s with %s', (name, value) => {
  const header = new Headers({ [name]: value });
  dropEndlessDeadline(header);
  expect(header.get(name)).toBe(value);
});
