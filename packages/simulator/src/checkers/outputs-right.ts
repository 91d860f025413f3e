import { JobState } from '@spider/core';
import { evaluateGraph } from '@spider/test-utils';
import type { TaskFunction } from '@spider/test-utils';

import type { JobSpec } from '../job-spec.ts';
import type { Checker } from '../observer.ts';
import { computeOutputs } from '../task-values.ts';

export const outputsRight: Checker = {
  name: 'outputs-right',
  promise: 'The outputs of a job are those of running its tasks one after the other.',
  watch: (violated) => ({
    jobEnded: ({ jobId, spec, state, outputs }) => {
      if (state !== JobState.Succeeded) return;
      const expected = evaluateGraph(spec.graph, spec.inputs, functionsOf(spec));
      const isRight =
        outputs?.length === expected.length &&
        expected.every((output, i) => Buffer.compare(output, outputs[i] as Uint8Array) === 0);
      if (!isRight) violated(`job ${jobId} has other outputs than its graph says`);
    },
  }),
};

function functionsOf({ graph, name }: JobSpec): ReadonlyMap<string, TaskFunction> {
  const functions = new Map<string, TaskFunction>();
  for (const { functionName } of graph.kinds) {
    functions.set(`${name}/${functionName}`, computeOutputs(functionName));
  }
  return functions;
}
