import type { Readable, Writable } from 'node:stream';
import { LineSplitter } from './line-splitter.ts';

/**
 * Copies lines from one stream to another that several share: whole lines, in order. While the
 * destination is slow the source is not read.
 */
export function forwardLines(source: Readable, destination: Writable, maxLineBytes: number): void {
  const splitter = new LineSplitter(maxLineBytes, (lines) => {
    if (destination.write(lines)) return;
    source.pause();
    destination.once('drain', () => source.resume());
  });
  source.on('data', (chunk: Buffer) => splitter.push(chunk));
  source.once('end', () => splitter.end());
}
