/** Tasks that say when and where they run. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytes, definePackage, defineTask, int32, string } from '@spider/tdl';

/** See `stay`. Of two that come at the same time, one is the first all the same. */
async function noteAndStay(record: string, firstMs: number, elsewhereMs: number): Promise<number> {
  appendFileSync(record, `${process.ppid}\n`);
  const [first] = readFileSync(record, 'utf8').split('\n');
  await sleep(first === String(process.ppid) ? firstMs : elsewhereMs);
  return process.ppid;
}

/**
 * Notes in a file the process of the execution manager that runs it, takes so long in the first of these
 * and so long in others, and answers that process.
 */
export const stay = defineTask({
  name: 'stay',
  inputs: [string, int32, int32],
  outputs: [int32],
  run: (_context, record, firstMs, elsewhereMs) => noteAndStay(record, firstMs, elsewhereMs),
});

/** As `stay`, but a second instance may run beside one that has taken 300 ms. */
export const linger = defineTask({
  name: 'linger',
  inputs: [string, int32, int32],
  outputs: [int32],
  policy: { instances: 2, softTimeoutMs: 300, hardTimeoutMs: 60_000 },
  run: (_context, record, firstMs, elsewhereMs) => noteAndStay(record, firstMs, elsewhereMs),
});

/** Says something in all the ways there are, some of it while another task may be running elsewhere. */
export const talk = defineTask({
  name: 'talk',
  inputs: [string],
  outputs: [],
  run: async (context, text) => {
    // oxlint-disable-next-line no-console
    console.log(`${text} by console`);
    process.stdout.write(`${text} by stdout\n`);
    await sleep(1);
    process.stderr.write(`${text} by stderr\n${'x'.repeat(200)}\n`);
    context.logger.warn(`${text} by log`, { number: 1 });
  },
});

/** Says that it begins, waits for a file, says that it ends, and fails if the file tells it to. */
export const recount = defineTask({
  name: 'recount',
  inputs: [string],
  outputs: [],
  run: async (_context, file) => {
    process.stdout.write('begins\n');
    while (!existsSync(file)) await sleep(5);
    process.stdout.write('ends\n');
    if (readFileSync(file, 'utf8') === 'fail') throw new Error('as it was told');
  },
});

/** Answers so many bytes. */
export const large = defineTask({
  name: 'large',
  inputs: [int32],
  outputs: [bytes],
  run: (_context, count) => new Uint8Array(count),
});

const kept: Buffer[] = [];

/** Keeps so many MiB for as long as its process lives, takes a moment, and answers the process. */
export const keep = defineTask({
  name: 'keep',
  inputs: [int32],
  outputs: [int32],
  run: async (_context, mib) => {
    kept.push(Buffer.alloc(mib * 1024 * 1024, 1));
    await sleep(250);
    return process.pid;
  },
});

export default definePackage({
  name: 'lifecycle',
  version: '0.1.0',
  tasks: [stay, linger, talk, recount, large, keep],
});
