import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { definePackage, defineTask, float64, int32, int64, string } from '@spider/tdl';

/** Up to here a task blocks its executor, which is more precise than a timer. */
const PRECISE_SLEEP_MS_MAX = 20;
const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Takes the time that a recorded task took, and notes that it ran: one line `<index> <start> <end>`,
 * in nanoseconds of the machine's monotonic clock, at the end of the record file (none if its name
 * is empty). Its outputs are the same start and end.
 */
export const step = defineTask({
  name: 'trace::step',
  inputs: [int32, float64, string],
  outputs: [int64, int64],
  run: async (_context, index, durationMs, recordFile) => {
    const start = process.hrtime.bigint();
    if (durationMs > PRECISE_SLEEP_MS_MAX) await sleep(durationMs - PRECISE_SLEEP_MS_MAX);
    const leftMs = durationMs - Number(process.hrtime.bigint() - start) / 1e6;
    if (leftMs > 0) Atomics.wait(never, 0, 0, leftMs);
    const end = process.hrtime.bigint();
    if (recordFile !== '') appendFileSync(recordFile, `${index} ${start} ${end}\n`);
    return [start, end] as const;
  },
});

export default definePackage({ name: 'spider-trace', version: '0.1.0', tasks: [step] });
