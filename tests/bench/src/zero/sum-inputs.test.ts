import { create } from '@bufbuild/protobuf';
import { decodeFrame, encodeFrame } from '@spider/core';
import { TaskContextsSchema } from '@spider/proto';
import { expect, it } from 'vitest';
import { MODULUS } from '../task-packages/testing/index.ts';
import { packFloat64, unpackFloat64 } from '../workload/float64.ts';
import { sumInputs } from './sum-inputs.ts';

it('returns for each task what the task would', () => {
  const inputs = [[2, 3, 4], [], [MODULUS - 1]].map((numbers) =>
    encodeFrame(numbers.map(packFloat64)),
  );
  const { payloads, payloadLengths } = sumInputs(
    create(TaskContextsSchema, {
      inputs: Buffer.concat(inputs),
      inputLengths: inputs.map(({ length }) => length),
    }),
  );
  let end = 0;
  const returned = payloadLengths.map((length) => {
    end += length;
    return decodeFrame(payloads.subarray(end - length, end)).map(unpackFloat64);
  });
  expect(returned).toEqual([[10], [1], [0]]);
});
