/** Tasks that do what no task should. */
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { definePackage, defineTask, int32, string } from '@spider/tdl';

const MIB = 1024 * 1024;
const STDOUT = 1;

/** Behaves. */
export const add = defineTask({
  name: 'add',
  inputs: [int32, int32],
  outputs: [int32],
  run: (_context, a, b) => a + b,
});

export const printMib = defineTask({
  name: 'print_mib',
  inputs: [int32],
  outputs: [int32],
  run: (_context, mib) => {
    const line = `${'x'.repeat(1023)}\n`.repeat(1024);
    for (let i = 0; i < mib; i += 1) process.stdout.write(line);
    return mib;
  },
});

/** Past everything that an executor could count. */
export const printRawMib = defineTask({
  name: 'print_raw_mib',
  inputs: [int32],
  outputs: [int32],
  run: (_context, mib) => {
    const lines = Buffer.from(`${'y'.repeat(1023)}\n`.repeat(64));
    for (let left = mib * MIB; left > 0;) {
      try {
        left -= writeSync(STDOUT, lines);
      } catch (error) {
        // The pipe is full for the moment.
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      }
    }
    return mib;
  },
});

export const block = defineTask({
  name: 'block',
  inputs: [],
  outputs: [int32],
  policy: { hardTimeoutMs: 500 },
  run: () => {
    for (;;);
  },
});

/** As block, for as long as nobody stops it; says when it begins. */
export const blockLong = defineTask({
  name: 'block_long',
  inputs: [],
  outputs: [int32],
  run: () => {
    process.stdout.write('begins\n');
    for (;;);
  },
});

export const forkProcess = defineTask({
  name: 'fork',
  inputs: [],
  outputs: [int32],
  run: () => spawn('sleep', ['60']).pid ?? 0,
});

export const exit = defineTask({
  name: 'exit',
  inputs: [int32],
  outputs: [],
  run: (_context, code) => process.exit(code),
});

/** Keeps objects, which are JavaScript's, until there is no room for more. */
export const leakObjects = defineTask({
  name: 'leak_objects',
  inputs: [],
  outputs: [int32],
  run: () => {
    const kept: unknown[] = [];
    for (;;) kept.push({ number: kept.length, text: `text ${kept.length}` });
  },
});

/** Keeps buffers, of which JavaScript's heap knows little. */
export const leakBuffers = defineTask({
  name: 'leak_buffers',
  inputs: [],
  outputs: [int32],
  run: async () => {
    const kept: Buffer[] = [];
    for (;;) {
      kept.push(Buffer.alloc(MIB, 1));
      if (kept.length % 16 === 0) await setTimeout(1);
    }
  },
});

export const throwText = defineTask({
  name: 'throw_text',
  inputs: [string],
  outputs: [],
  run: (_context, text) => {
    // oxlint-disable-next-line typescript/only-throw-error
    throw text;
  },
});

export const throwNothing = defineTask({
  name: 'throw_nothing',
  inputs: [],
  outputs: [],
  run: () => {
    // oxlint-disable-next-line typescript/only-throw-error
    throw undefined;
  },
});

/** What the compiler would not allow. */
const threeForTwo = (): [number, number] => [1, 2, 3] as unknown as [number, number];

export const wrongCount = defineTask({
  name: 'wrong_count',
  inputs: [],
  outputs: [int32, int32],
  run: threeForTwo,
});

/** Fails behind its own back, when it has given control away. */
export const failLater = defineTask({
  name: 'fail_later',
  inputs: [],
  outputs: [int32],
  run: () =>
    new Promise<number>(() => {
      setImmediate(() => {
        throw new Error('nobody waits for this');
      });
    }),
});

export default definePackage({
  name: 'misbehaviour',
  version: '0.1.0',
  tasks: [
    add,
    printMib,
    printRawMib,
    block,
    blockLong,
    forkProcess,
    exit,
    leakObjects,
    leakBuffers,
    throwText,
    throwNothing,
    wrongCount,
    failLater,
  ],
});
