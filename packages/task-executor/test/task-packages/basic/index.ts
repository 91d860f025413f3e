import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import {
  boolean,
  bytes,
  definePackage,
  defineTask,
  float64,
  int32,
  string,
  TaskError,
} from '@spider/tdl';

const add = defineTask({
  name: 'add',
  inputs: [float64, float64],
  outputs: [float64],
  run: (_context, a, b) => a + b,
});

const addLater = defineTask({
  name: 'add_later',
  inputs: [float64, float64],
  outputs: [float64],
  run: async (_context, a, b) => {
    await setImmediate();
    return a + b;
  },
});

const fail = defineTask({
  name: 'fail',
  inputs: [string],
  outputs: [],
  run: (_context, message) => {
    throw new TaskError(message);
  },
});

const failForGood = defineTask({
  name: 'fail_for_good',
  inputs: [],
  outputs: [],
  run: () => {
    throw new TaskError('pointless', { retry: false });
  },
});

const exit = defineTask({
  name: 'exit',
  inputs: [int32],
  outputs: [],
  run: (_context, code) => process.exit(code),
});

/** Dies of a negative number, without another word. */
const dieIfNegative = defineTask({
  name: 'die_if_negative',
  inputs: [int32],
  outputs: [int32],
  run: (_context, number) => {
    if (number < 0) process.kill(process.pid, 'SIGKILL');
    return number;
  },
});

/** Prints by all the ways there are. */
const print = defineTask({
  name: 'print',
  inputs: [string],
  outputs: [],
  run: (_context, text) => {
    // oxlint-disable-next-line no-console
    console.log(`${text} by console`);
    process.stdout.write(`${text} by stdout\n`);
  },
});

/** Has another process print. */
const shout = defineTask({
  name: 'shout',
  inputs: [string],
  outputs: [],
  run: (_context, text) => void spawnSync('echo', [text], { stdio: 'inherit' }),
});

const zeros = defineTask({
  name: 'zeros',
  inputs: [int32],
  outputs: [bytes],
  run: (_context, count) => new Uint8Array(count),
});

const hang = defineTask({
  name: 'hang',
  inputs: [],
  outputs: [],
  run: async () => {
    setInterval(() => undefined, 1_000);
    await Promise.withResolvers().promise;
  },
});

/** Waits to be told to stop, and says why it was. */
const waitForStop = defineTask({
  name: 'wait_for_stop',
  inputs: [],
  outputs: [string],
  run: async ({ signal, logger }) => {
    logger.info('waiting', { patience: 1n });
    if (!signal.aborted) await once(signal, 'abort');
    return String(signal.reason);
  },
});

/** Is done at once, or only when it is told to stop. */
const stay = defineTask({
  name: 'stay',
  inputs: [boolean],
  outputs: [],
  run: async ({ signal }, isToStay) => {
    if (isToStay && !signal.aborted) await once(signal, 'abort');
  },
});

const commitSum = defineTask({
  name: 'commit::sum_is_zero',
  inputs: [],
  outputs: [],
  run: (context) => {
    const sum = context.outputs().reduce((total, output) => total + output.as(float64), 0);
    if (sum !== 0) throw new TaskError(`the outputs sum to ${sum}`);
  },
});

export default definePackage({
  name: 'basic',
  version: '0.1.0',
  tasks: [
    shout,
    stay,
    waitForStop,
    add,
    addLater,
    fail,
    failForGood,
    exit,
    dieIfNegative,
    print,
    zeros,
    hang,
    commitSum,
  ],
});
