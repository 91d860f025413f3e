/** Tasks that say when and where they run. */
import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { definePackage, defineTask, int32, string } from '@spider/tdl';

/**
 * Notes in a file the process of the execution manager that runs it, takes so long the first time, so
 * long another time, and answers that process.
 */
export const stay = defineTask({
  name: 'stay',
  inputs: [string, int32, int32],
  outputs: [int32],
  run: async (_context, record, firstMs, againMs) => {
    appendFileSync(record, `${process.ppid}\n`);
    const runs = readFileSync(record, 'utf8').trim().split('\n').length;
    await sleep(runs === 1 ? firstMs : againMs);
    return process.ppid;
  },
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

export default definePackage({ name: 'lifecycle', version: '0.1.0', tasks: [stay, keep] });
