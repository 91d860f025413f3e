import {
  appendGivenBack,
  appendGreeting,
  appendResult,
  ByteWriter,
  decodeExecutorRequest,
  ExecutorFrameReader,
  ExecutorOutcome,
  type ExecutorRequest,
} from '@spider/core';
import { expect, test } from 'vitest';
import { packPayloads } from '../machine/payload-ranges.ts';
import type { ResponseBatch } from '../machine/slot-event.ts';
import { makeLot } from '../testing/make-lot.ts';
import { FrameChannel } from './frame-channel.ts';

class Ends {
  readonly written: Uint8Array[] = [];
  readonly responses: ResponseBatch[] = [];
  readonly givenBack: number[] = [];
  readonly started: boolean[] = [];
  readonly channel = new FrameChannel({
    write: (bytes) => this.written.push(bytes),
    onStarted: (hasExtensions) => this.started.push(hasExtensions),
    onResponses: (responses) => this.responses.push(responses),
    onGivenBack: (count) => this.givenBack.push(count),
  });

  /** Of the first answers that came together. */
  payloads(): number[][] {
    const { bytes, starts, ends } = this.responses[0]?.payloads ?? packPayloads([]);
    return starts.map((start, i) => [...bytes.subarray(start, ends[i])]);
  }

  /** The requests of the write with this number. */
  requests(write: number): ExecutorRequest[] {
    const frames = new ExecutorFrameReader();
    frames.push(this.written[write] ?? new Uint8Array());
    const requests: ExecutorRequest[] = [];
    while (frames.next()) {
      requests.push(decodeExecutorRequest(frames.bytes, frames.start, frames.end));
    }
    return requests;
  }
}

function results(...payloads: readonly number[]): Uint8Array {
  const writer = new ByteWriter();
  for (const payload of payloads) {
    appendResult(writer, ExecutorOutcome.Succeeded, Uint8Array.from([payload]), payload * 10);
  }
  return writer.toBytes();
}

test('it begins with a request for a package that cannot be; whatever the answer, there is one', () => {
  const ends = new Ends();
  expect(ends.requests(0)).toMatchObject([{ kind: 'execute', packageName: '' }]);
  expect(ends.started).toEqual([]);
  ends.channel.push(results(1));
  expect(ends.started).toEqual([false]);
  expect(ends.responses).toEqual([]);
});

test('many requests are one write', () => {
  const ends = new Ends();
  const lot = makeLot({ count: 3 });
  ends.channel.execute({ lots: [lot, lot, lot], positions: [0, 1, 2] });
  expect(ends.written).toHaveLength(2);
  expect(ends.requests(1)).toHaveLength(3);
});

test('all answers of a chunk come together, also behind the first one of all', () => {
  const ends = new Ends();
  ends.channel.push(results(1, 2, 3));
  expect(ends.started).toEqual([false]);
  expect(ends.responses).toMatchObject([{ count: 2, elapsedUs: [20, 30], outcomes: [0, 0] }]);
  expect(ends.payloads()).toEqual([[2], [3]]);
});

test('an answer that is cut in two comes with its second part', () => {
  const ends = new Ends();
  ends.channel.push(results(1));
  const bytes = results(2, 3);
  ends.channel.push(bytes.subarray(0, bytes.length - 3));
  ends.channel.push(bytes.subarray(bytes.length - 3));
  expect(ends.responses.map(({ elapsedUs }) => elapsedUs)).toEqual([[20], [30]]);
});

test('answers before nonsense count; the nonsense is told', () => {
  const ends = new Ends();
  ends.channel.push(results(1));
  const bytes = Buffer.concat([results(2), Buffer.from('00000004ffffffff', 'hex')]);
  expect(() => ends.channel.push(bytes)).toThrow('unknown executor response 4294967295');
  expect(ends.responses).toMatchObject([{ count: 1, elapsedUs: [20] }]);
});

test('the last request asks for the end', () => {
  const ends = new Ends();
  ends.channel.requestShutdown();
  expect(ends.requests(1)).toEqual([{ kind: 'shutdown' }]);
});

test('only an executor that greets is told of more than the reference knows', () => {
  const ends = new Ends();
  const writer = new ByteWriter();
  appendGreeting(writer);
  ends.channel.push(Buffer.concat([writer.toBytes(), results(1)]));
  expect(ends.started).toEqual([true]);
  const lot = makeLot({ hardTimeoutMs: 5_000 });
  ends.channel.execute({ lots: [lot], positions: [0] });
  expect(ends.requests(1)).toMatchObject([{ kind: 'execute', hardTimeoutMs: 5_000 }]);
  ends.channel.askBack();
  expect(ends.requests(2)).toEqual([{ kind: 'give-back' }]);
  // The executor counts the request by which it was greeted, too.
  ends.channel.cancel([0, 3]);
  expect(ends.requests(3)).toEqual([
    { kind: 'cancel', request: 1 },
    { kind: 'cancel', request: 4 },
  ]);
});

test('requests that are given back are told beside answers', () => {
  const ends = new Ends();
  ends.channel.push(results(1));
  const writer = new ByteWriter();
  appendGivenBack(writer, 3);
  ends.channel.push(Buffer.concat([results(2), writer.toBytes(), results(3)]));
  expect(ends.givenBack).toEqual([3]);
  expect(ends.responses).toMatchObject([{ count: 2, elapsedUs: [20, 30] }]);
});
