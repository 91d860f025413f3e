import { decodeFrame, encodeFrame } from '@spider/core';
import type { TaskFunction } from '@spider/test-utils';

/** What a task computes: numbers that depend on every byte of its inputs. */
export function computeOutputs(outputs: number): TaskFunction {
  return (inputs) => {
    let hash = 0x811c_9dc5;
    for (const input of inputs) {
      for (const byte of input) hash = Math.imul(hash ^ byte, 0x0100_0193);
      hash = Math.imul(hash ^ 0xff, 0x0100_0193);
    }
    return Array.from({ length: outputs }, (_, position) =>
      encodeUint32(Math.imul(hash ^ position, 0x0100_0193) >>> 0),
    );
  };
}

/** The outputs' wire frame for the inputs'. */
export function runFunction(functionName: string, inputs: Uint8Array): Uint8Array {
  return encodeFrame(computeOutputs(outputsOf(functionName))(decodeFrame(inputs)));
}

/** Functions are named by the number of their outputs. */
export const functionName = (outputs: number): string => `give${outputs}`;

const outputsOf = (name: string): number => Number(name.slice('give'.length));

/** A value that takes five bytes whatever it is. */
export function encodeUint32(value: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = 0xce;
  new DataView(bytes.buffer).setUint32(1, value);
  return bytes;
}
