import { decodeFrame, encodeFrame } from '@spider/core';
import type { TaskFunction } from '@spider/test-utils';

/** What a task computes: bytes that depend on every byte of its inputs. */
export function computeOutputs(functionName: string): TaskFunction {
  const { outputs, bytes } = shapeOf(functionName);
  return (inputs) => {
    let hash = 0x811c_9dc5;
    for (const input of inputs) {
      for (const byte of input) hash = Math.imul(hash ^ byte, 0x0100_0193);
      hash = Math.imul(hash ^ 0xff, 0x0100_0193);
    }
    return Array.from({ length: outputs }, (_, position) =>
      encodeValue(Math.imul(hash ^ position, 0x0100_0193) >>> 0, bytes),
    );
  };
}

/** The outputs' wire frame for the inputs'. */
export function runFunction(functionName: string, inputs: Uint8Array): Uint8Array {
  return encodeFrame(computeOutputs(functionName)(decodeFrame(inputs)));
}

/** Functions are named by what they give: so many outputs of so many bytes. */
export const functionName = (outputs: number, bytes = SMALLEST_VALUE): string =>
  `give${outputs}of${bytes}`;

export const SMALLEST_VALUE = 4;

function shapeOf(name: string): { readonly outputs: number; readonly bytes: number } {
  const [, outputs, bytes] = /^give(\d+)of(\d+)$/.exec(name) ?? [];
  if (outputs === undefined) throw new Error(`there is no function ${name}`);
  return { outputs: Number(outputs), bytes: Number(bytes) };
}

/** Bytes of MessagePack that begin with a number. */
export function encodeValue(number: number, bytes = SMALLEST_VALUE): Uint8Array {
  const encoded = new Uint8Array(5 + bytes);
  encoded[0] = 0xc6;
  const view = new DataView(encoded.buffer);
  view.setUint32(1, bytes);
  view.setUint32(5, number);
  return encoded;
}
