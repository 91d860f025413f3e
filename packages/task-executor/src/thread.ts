import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { ExecutorThreadData } from '@spider/core';
import { exitWithError, openExecutor } from './open-executor.ts';
import { textPoster } from './thread-text.ts';

const port: MessagePort = parentPort ?? exitWithError('this module is for worker threads');
const { untakenText } = workerData as ExecutorThreadData;

const loop = openExecutor({
  write: (bytes) => port.postMessage(new Uint8Array(bytes)),
  writeText: textPoster(port, untakenText),
  // What has been posted lies in memory already; an execution manager does not send more than that.
  onDrain: () => undefined,
});

port.on('message', (frames: Uint8Array) => void loop.push(frames));
