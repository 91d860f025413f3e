import { describe, expect, it } from 'vitest';

import { IncomingMessages } from './incoming-messages.ts';

function open() {
  const source = {
    isPaused: false,
    pause: () => void (source.isPaused = true),
    resume: () => void (source.isPaused = false),
  };
  return { source, messages: new IncomingMessages<number>(source) };
}

async function readAll(messages: IncomingMessages<number>): Promise<number[]> {
  const read: number[] = [];
  for await (const message of messages) read.push(message);
  return read;
}

describe('messages that come in', () => {
  it('are read in their order, those that were there and those that come', async () => {
    const { messages } = open();
    messages.push(1, 10);
    messages.push(2, 10);
    const reading = readAll(messages);
    await Promise.resolve();
    messages.push(3, 10);
    messages.end();
    messages.push(4, 10);
    expect(await reading).toEqual([1, 2, 3]);
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });

  it('are all read before the error that came after them', async () => {
    const { messages } = open();
    messages.push(1, 10);
    messages.fail(new Error('broken'));
    expect(await messages.next()).toEqual({ done: false, value: 1 });
    await expect(messages.next()).rejects.toThrow('broken');
  });

  it('end for a reader that waits, with the error if there is one', async () => {
    const orderly = open().messages;
    const ended = orderly.next();
    orderly.end();
    expect(await ended).toEqual({ done: true, value: undefined });

    const broken = open().messages;
    const failed = broken.next();
    broken.fail(new Error('broken'));
    await expect(failed).rejects.toThrow('broken');
  });

  it('hold up their source while 64 KiB of them are not read', async () => {
    const { source, messages } = open();
    messages.push(1, 65_535);
    expect(source.isPaused).toBe(false);
    messages.push(2, 1);
    expect(source.isPaused).toBe(true);
    await messages.next();
    expect(source.isPaused).toBe(true);
    await messages.next();
    expect(source.isPaused).toBe(false);
  });

  it('hold up nothing once their reader has turned away', async () => {
    const { source, messages } = open();
    messages.push(1, 100_000);
    await messages.return();
    expect(source.isPaused).toBe(false);
    messages.push(2, 100_000);
    expect(source.isPaused).toBe(false);
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });
});
