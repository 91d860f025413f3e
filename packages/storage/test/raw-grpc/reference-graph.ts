import { zstdCompressSync } from 'node:zlib';

/** A task in the shape of the reference's JSON; each input and output is an Int64. */
export interface GraphTask {
  readonly inputs: number;
  readonly outputs: number;
  /** Sources of the inputs: task and position. Without them they are inputs of the job. */
  readonly sources?: readonly (readonly [task: number, position: number])[];
  readonly policy?: object;
}

export interface GraphShape {
  readonly tasks: readonly GraphTask[];
  /** True, or the task's execution policy. */
  readonly commit?: boolean | object;
  readonly cleanup?: boolean;
}

/** One task, which takes a number and returns one. */
export const ONE_TASK: GraphShape = { tasks: [{ inputs: 1, outputs: 1 }] };

/** Two such tasks, of which the second takes what the first returns. */
export const TWO_IN_A_ROW: GraphShape = {
  tasks: [
    { inputs: 1, outputs: 1 },
    { inputs: 1, outputs: 1, sources: [[0, 0]] },
  ],
};

/** One task with this execution policy; no retry and one instance unless it says otherwise. */
export const withPolicy = (policy: object): GraphShape => ({
  tasks: [{ inputs: 1, outputs: 1, policy: { max_num_retry: 0, max_num_instances: 1, ...policy } }],
});

const INT64 = { Value: { Primitive: { Int: 'Int64' } } };

const int64s = (count: number): object[] => Array.from({ length: count }, () => INT64);

const termination = (name: string, isWanted: boolean | object = false): object | null =>
  isWanted === false
    ? null
    : {
        tdl_context: { package: 'p', task_func: name },
        ...(isWanted !== true && { execution_policy: isWanted }),
      };

/** The text of a task graph as the reference's clients write it. */
export const graphJson = ({ tasks, commit, cleanup }: GraphShape): string =>
  JSON.stringify({
    schema_version: '0.1.0',
    tasks: tasks.map(({ inputs, outputs, sources, policy }) => ({
      tdl_context: { package: 'p', task_func: 'f' },
      ...(policy && { execution_policy: policy }),
      inputs: int64s(inputs),
      outputs: int64s(outputs),
      input_sources: sources?.map(([task_idx, position]) => ({ task_idx, position })) ?? null,
    })),
    commit_task: termination('commit', commit),
    cleanup_task: termination('cleanup', cleanup),
  });

/** Compresses a text or bytes as a request carries them. */
export const zstd = (bytes: string | Uint8Array): Buffer => zstdCompressSync(bytes);

/** The frame of payloads: a count, and each after its length. */
export function frame(...payloads: readonly Uint8Array[]): Buffer {
  const uint32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const parts = payloads.flatMap((payload) => [uint32(payload.length), payload]);
  return Buffer.concat([uint32(payloads.length), ...parts]);
}

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
