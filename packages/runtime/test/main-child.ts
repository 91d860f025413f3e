// A binary to run in tests: what it does is its first argument.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { announceReady, ExitError, runMain, type MainContext } from '../src/node/index.ts';

const untilAborted = (signal: AbortSignal): Promise<unknown> => once(signal, 'abort');

const scenarios: Record<string, (context: MainContext) => Promise<void>> = {
  async succeed({ args, logger }) {
    logger.info('working', { args });
  },

  async fail() {
    throw new TypeError('the disk is full');
  },

  async exit({ args }) {
    throw new ExitError(Number(args[1]), 'what a person reads');
  },

  async leaveAnErrorUncaught({ signal }) {
    setImmediate(() => {
      throw new Error('a bug');
    });
    await untilAborted(signal);
  },

  async leaveARejectionUnhandled({ signal }) {
    void Promise.reject(new Error('a bug'));
    await untilAborted(signal);
  },

  async waitForTheEnd({ signal }) {
    const handle = setInterval(() => {}, 1_000);
    announceReady('spider-test', 'http://127.0.0.1:1');
    await untilAborted(signal);
    clearInterval(handle);
    process.stdout.write('cleaned up\n');
  },

  async passOnTheReason({ signal }) {
    const handle = setInterval(() => {}, 1_000);
    announceReady('spider-test', '');
    await untilAborted(signal);
    clearInterval(handle);
    signal.throwIfAborted();
  },

  async neverEnd() {
    setInterval(() => {}, 1_000);
    announceReady('spider-test', '');
    await new Promise(() => {});
  },

  async logToNobody({ logger }) {
    announceReady('spider-test', '');
    await once(process.stdin, 'data');
    for (let line = 0; line < 3; line++) logger.info('is anybody there');
    process.stdout.write('still here\n');
    process.stdin.destroy();
  },

  /** Has a child of its own, which writes to the same stdout. */
  async beAParent() {
    const script = process.argv[1] ?? '';
    spawn(process.execPath, [...process.execArgv, script, 'waitForTheEnd'], {
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { ...process.env, SPIDER_EXIT_WITH_PARENT: '1' },
    });
    await new Promise(() => {});
  },
};

await runMain('spider-test', async (context) => {
  await scenarios[context.args[0] ?? '']?.(context);
});
