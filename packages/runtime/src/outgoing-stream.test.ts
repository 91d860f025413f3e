import { describe, expect, it, vi } from 'vitest';

import { OutgoingStream } from './outgoing-stream.ts';

async function readAll<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

describe('OutgoingStream', () => {
  it('gives its reader what was pushed before the end, in order', async () => {
    const stream = new OutgoingStream<number>();
    for (let message = 0; message < 5_000; message++) stream.push(message);
    stream.end();

    expect(stream.pending).toBe(5_000);
    expect(await readAll(stream)).toEqual(Array.from({ length: 5_000 }, (_, index) => index));
    expect(stream.pending).toBe(0);
  });

  it('wakes a reader that waits', async () => {
    const stream = new OutgoingStream<string>();
    const first = stream.next();
    stream.push('a');
    const second = stream.next();
    stream.end();

    expect(await first).toEqual({ done: false, value: 'a' });
    expect(await second).toEqual({ done: true, value: undefined });
  });

  it('keeps order and count while pushes and reads take turns', async () => {
    const stream = new OutgoingStream<number>();
    const read: number[] = [];
    let pushed = 0;
    for (let round = 0; round < 100; round++) {
      for (let count = 0; count < 50; count++) stream.push(pushed++);
      for (let count = 0; count < 47; count++) read.push((await stream.next()).value ?? -1);
      expect(stream.pending).toBe((round + 1) * 3);
    }
    stream.end();
    read.push(...(await readAll(stream)));

    expect(read).toEqual(Array.from({ length: pushed }, (_, index) => index));
  });

  it('refuses messages after its end', async () => {
    const stream = new OutgoingStream<string>();

    expect(stream.push('a')).toBe(true);
    stream.end();
    expect(stream.push('b')).toBe(false);
    expect(stream.isOpen).toBe(false);
    expect(await readAll(stream)).toEqual(['a']);
  });

  it('lets its reader meet an error instead of what is pending', async () => {
    const stream = new OutgoingStream<string>();
    stream.push('a');
    stream.fail(new Error('broken'));

    expect(stream.pending).toBe(0);
    await expect(stream.next()).rejects.toThrow('broken');
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('rejects a reader that waits when it fails', async () => {
    const stream = new OutgoingStream<string>();
    const waiting = stream.next();
    stream.fail(new Error('broken'));

    await expect(waiting).rejects.toThrow('broken');
  });

  it('fails even while its end is still to be read', async () => {
    const stream = new OutgoingStream<string>();
    stream.push('a');
    stream.end();
    stream.fail(new Error('broken'));

    await expect(stream.next()).rejects.toThrow('broken');
  });

  it('tells when everything is on its way, and sends what is pushed then at once', async () => {
    const more = ['b', 'c'];
    const stream: OutgoingStream<string> = new OutgoingStream<string>({
      onDrained: () => {
        const message = more.shift();
        if (message === undefined) stream.end();
        else stream.push(message);
      },
    });
    stream.push('a');

    expect(await readAll(stream)).toEqual(['a', 'b', 'c']);
  });

  it('tells once that its reader is done: orderly after the end', async () => {
    const onClose = vi.fn<(orderly: boolean) => void>();
    const stream = new OutgoingStream<string>({ onClose });
    stream.push('a');
    stream.end();
    await stream.next();
    expect(onClose).not.toHaveBeenCalled();

    await stream.next();
    await stream.return();
    expect(onClose.mock.calls).toEqual([[true]]);
  });

  it.each(['return', 'throw'] as const)(
    'drops everything when its reader calls %s',
    async (how) => {
      const onClose = vi.fn<(orderly: boolean) => void>();
      const stream = new OutgoingStream<string>({ onClose });
      stream.push('a');

      expect(await stream[how]()).toEqual({ done: true, value: undefined });
      expect(stream.pending).toBe(0);
      expect(stream.push('b')).toBe(false);
      expect(await stream.next()).toEqual({ done: true, value: undefined });
      expect(onClose.mock.calls).toEqual([[false]]);
    },
  );

  it('answers a reader that turns away while it waits', async () => {
    const stream = new OutgoingStream<string>();
    const waiting = stream.next();
    await stream.return();

    expect(await waiting).toEqual({ done: true, value: undefined });
  });
});
