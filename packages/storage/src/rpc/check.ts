import { invalidArgument } from '@spider/core';

/** @throws SpiderError 'invalid-argument' if a text has more bytes in UTF-8 than allowed. */
export function checkText(field: string, text: string, mostBytes: number): void {
  // A UTF-16 unit takes one to three bytes.
  if (text.length * 3 <= mostBytes) return;
  const bytes = Buffer.byteLength(text);
  if (bytes > mostBytes)
    throw invalidArgument(`${field}: ${bytes} bytes are more than ${mostBytes}`);
}

/** @throws SpiderError 'invalid-argument' if a value has more bytes than allowed. */
export function checkBytes(field: string, bytes: number, mostBytes: number): void {
  if (bytes > mostBytes)
    throw invalidArgument(`${field}: ${bytes} bytes are more than ${mostBytes}`);
}
