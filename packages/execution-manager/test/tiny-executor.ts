/**
 * An executor of few words, for tests of those who run executors. It speaks the pipe by hand, so that
 * a mistake in the real codec does not hide in both ends. In a worker thread it takes and posts frames
 * and text. What it does depends on the function:
 *
 * - echo: its outputs are its inputs
 * - fail, fail-for-good: answers the text in its inputs, as an error
 * - pause: as echo, after so many milliseconds
 * - exit, signal: ends with the code, or by the signal, in its inputs
 * - hang: blocks for ever
 * - fork: starts a process that connects to the port in its inputs and stays, then blocks for ever
 * - garbage: writes nonsense to stdout and stays
 * - print: writes its inputs to stderr, and is done
 * - untaken: answers how many bytes of text lie where it has posted them
 * - throw: fails when nobody looks, with the text in its inputs
 * - sleep: waits for a process that takes so many seconds, and hears nothing
 * - shout: has a process of its own write its inputs to stdout
 * - environment: answers its environment as JSON
 */
import { spawn, spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { untakenText } = (workerData ?? {}) as { readonly untakenText?: Int32Array };
let buffered = Buffer.alloc(0);

const descriptors = process.env['SPIDER_EXECUTOR_DESCRIPTORS']?.split(',').map(Number);
const [requests = 0, results = 1] = descriptors ?? [];

if (parentPort !== null) parentPort.on('message', (chunk: Uint8Array) => take(chunk));
else {
  const input = requests === 0 ? process.stdin : new Socket({ fd: requests, writable: false });
  input.on('data', take);
  input.on('end', () => process.exit(0));
}

function take(chunk: Uint8Array): void {
  buffered = Buffer.concat([buffered, chunk]);
  while (buffered.length >= 4) {
    const end = 4 + buffered.readUInt32BE(0);
    if (buffered.length < end) return;
    const body = buffered.subarray(4, end);
    buffered = buffered.subarray(end);
    handle(body);
  }
}

function handle(body: Buffer): void {
  if (body.readUInt32LE(0) === 1) process.exit(0);
  const fields: Buffer[] = [];
  for (let position = 4; position < body.length;) {
    const length = Number(body.readBigUInt64LE(position));
    fields.push(body.subarray(position + 8, position + 8 + length));
    position += 8 + length;
  }
  const [packageName, functionName, , inputs] = fields;
  if (packageName?.length === 0) answer(1, errorOf('no such package'));
  else run(String(functionName), inputs ?? Buffer.alloc(0));
}

function run(functionName: string, inputs: Buffer): void {
  const text = inputs.toString();
  switch (functionName) {
    case 'echo':
      answer(0, inputs);
      return;
    case 'fail':
      answer(1, errorOf(text));
      return;
    case 'fail-for-good':
      answer(2, errorOf(text));
      return;
    case 'pause':
      block(Number(text));
      answer(0, inputs, Number(text) * 1000);
      return;
    case 'exit':
      process.exit(Number(text));
      return;
    case 'signal':
      process.kill(process.pid, text);
      block(Infinity);
      return;
    case 'hang':
      block(Infinity);
      return;
    case 'fork': {
      const code = `require('net').connect(${text}, '127.0.0.1'); setInterval(() => {}, 1000)`;
      spawn(process.execPath, ['-e', code], { stdio: 'inherit' });
      block(Infinity);
      return;
    }
    case 'garbage':
      say(Buffer.from('ffffffffffffffff', 'hex'));
      return;
    case 'print':
      print(inputs);
      answer(0, inputs);
      return;
    case 'shout':
      spawnSync('echo', [text], { stdio: 'inherit' });
      answer(0, inputs);
      return;
    case 'untaken':
      answer(0, Buffer.from(String(untakenText?.[0])));
      return;
    case 'throw':
      setImmediate(() => {
        throw new Error(text);
      });
      return;
    case 'sleep':
      spawnSync('sleep', [text]);
      answer(0, inputs);
      return;
    case 'environment':
      answer(0, Buffer.from(JSON.stringify(process.env)));
      return;
    default:
      answer(1, errorOf(`no such function: ${functionName}`));
  }
}

function answer(outcome: number, payload: Buffer, elapsedUs = 7): void {
  const frame = Buffer.alloc(28 + payload.length);
  frame.writeUInt32BE(24 + payload.length, 0);
  frame.writeUInt32LE(0, 4);
  frame.writeUInt32LE(outcome, 8);
  frame.writeBigUInt64LE(BigInt(payload.length), 12);
  payload.copy(frame, 20);
  frame.writeBigUInt64LE(BigInt(elapsedUs), 20 + payload.length);
  say(frame);
}

function say(bytes: Buffer): void {
  if (parentPort !== null) parentPort.postMessage(new Uint8Array(bytes));
  else writeSync(results, bytes);
}

function print(bytes: Buffer): void {
  if (parentPort === null || untakenText === undefined) {
    writeSync(2, bytes);
    return;
  }
  Atomics.add(untakenText, 0, bytes.length);
  parentPort.postMessage({ text: new Uint8Array(bytes) });
}

/** MessagePack of `TaskError(ExecutionError(message))`. */
function errorOf(message: string): Buffer {
  const text = Buffer.from(message);
  return Buffer.concat([
    Buffer.from([0x81, 0xa9]),
    Buffer.from('TaskError'),
    Buffer.from([0x81, 0xae]),
    Buffer.from('ExecutionError'),
    Buffer.from([0xd9, text.length]),
    text,
  ]);
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
