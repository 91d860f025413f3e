import { openSync, writeSync } from 'node:fs';
import { bytes, definePackage, defineTask, int32, TaskError } from '@spider/tdl';
import type { TaskContext } from '@spider/tdl';
import { ARITIES, bytesTypes, mix } from './mix.ts';

const never = new Int32Array(new SharedArrayBuffer(4));
let descriptor: number | undefined;

/** One in so many instances of a task that may fail does. */
const FAILING_SHARE = 8;

/**
 * Notes one execution in the file of that name: `<job> <task> <instance> <process of the execution
 * manager> <own process> <start> <end> <S or F>`, in nanoseconds of the machine's monotonic clock.
 * A write to a file that was opened to append is one piece.
 */
function record(context: TaskContext, start: bigint, outcome: 'S' | 'F'): void {
  const end = process.hrtime.bigint();
  descriptor ??= openSync(process.env['SPIDER_CHAOS_RECORD'] ?? '', 'a');
  const { jobId, taskIndex, taskInstanceId } = context;
  const processes = `${process.ppid} ${process.pid}`;
  writeSync(
    descriptor,
    `${jobId} ${taskIndex} ${taskInstanceId} ${processes} ${start} ${end} ${outcome}\n`,
  );
}

/** For each number of parents a task that takes a while, notes that it ran, and mixes its inputs. */
const mixers = ARITIES.map((arity) =>
  defineTask({
    name: `chaos::mix${arity}`,
    // A salt, the bytes of the output, how long it takes in microseconds, whether it may fail.
    inputs: [int32, int32, int32, int32, ...bytesTypes(arity)],
    outputs: [bytes],
    run: (context, salt, size, durationUs, mayFail, ...values) => {
      const start = process.hrtime.bigint();
      if (durationUs > 0) Atomics.wait(never, 0, 0, durationUs / 1000);
      const fails = mayFail === 1 && Number(context.taskInstanceId) % FAILING_SHARE === 0;
      record(context, start, fails ? 'F' : 'S');
      if (fails) throw new TaskError('this instance was to fail');
      return mix(salt, size, values);
    },
  }),
);

/** As a commit or cleanup task. */
const end = defineTask({
  name: 'chaos::end',
  inputs: [],
  outputs: [],
  run: (context) => record(context, process.hrtime.bigint(), 'S'),
});

export default definePackage({ name: 'chaos', version: '0.1.0', tasks: [...mixers, end] });
