import type { TaskContexts } from '@spider/proto';
import { MODULUS } from '../task-packages/testing/index.ts';
import type { TaskOutputs } from './instant-worker.ts';

const FLOAT64 = 0xcb;
/** A count, then one payload: its length, the tag, the number. */
const OUTPUT_BYTES = 4 + 4 + 1 + 8;
/** In a frame of float64: from one number to the next. */
const INPUT_BYTES = 4 + 1 + 8;

/** What the `testing` package's tasks return: 1 more than the sum of their inputs. */
export function sumInputs({ inputs, inputLengths }: TaskContexts): TaskOutputs {
  const from = new DataView(inputs.buffer, inputs.byteOffset, inputs.byteLength);
  const payloads = new Uint8Array(inputLengths.length * OUTPUT_BYTES);
  const to = new DataView(payloads.buffer);
  let start = 0;
  inputLengths.forEach((length, position) => {
    const count = from.getUint32(start, true);
    let sum = 1;
    for (let input = 0; input < count; input++) {
      sum += from.getFloat64(start + 4 + input * INPUT_BYTES + 5);
    }
    start += length;
    const at = position * OUTPUT_BYTES;
    to.setUint32(at, 1, true);
    to.setUint32(at + 4, 9, true);
    to.setUint8(at + 8, FLOAT64);
    to.setFloat64(at + 9, sum % MODULUS);
  });
  return { payloads, payloadLengths: new Array<number>(inputLengths.length).fill(OUTPUT_BYTES) };
}
