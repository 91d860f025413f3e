import { fileURLToPath } from 'node:url';

/** The absolute path of the executor's main module, to be run by Node. */
export const taskExecutorPath: string = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** The absolute path of the executor's module for a worker thread. */
export const taskExecutorThreadPath: string = fileURLToPath(
  new URL('../dist/thread.js', import.meta.url),
);
