import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@spider/client';
import {
  applyPolicyOptions,
  bytes,
  decodeValue,
  encodeFrame,
  encodeValue,
  int32,
  LIMITS,
  type TaskGraph,
  TaskGraphBuilder,
} from '@spider/core';
import { startLocalCluster } from '@spider/local-cluster';
import { expect, it } from 'vitest';
import { openChaosDatabase } from './database.ts';
import { mix } from './task-packages/chaos/mix.ts';

const TASK_PACKAGES = fileURLToPath(new URL('../dist/task-packages', import.meta.url));
const MIB = 1024 * 1024;

/** About one and a half times as many on the wire. */
const OUTPUT_BYTES = Math.floor(4.2 * MIB);
const CHAIN = 4;

/** A job input → a task after another, each with a large output for the next. */
function chain(): TaskGraph {
  const builder = new TaskGraphBuilder();
  const blob = builder.addJobInput(bytes.descriptor);
  const constant = (value: number): { readonly from: 'constant'; readonly constant: number } => ({
    from: 'constant',
    constant: builder.addConstant(encodeValue(int32, value)),
  });
  const kind = {
    packageName: 'chaos',
    functionName: 'chaos::mix1',
    inputs: [int32, int32, int32, int32, bytes].map(({ descriptor }) => descriptor),
    outputs: [bytes.descriptor],
    policy: applyPolicyOptions({ retries: 5 }),
  };
  const zero = constant(0);
  for (let task = 0; task < CHAIN; task++) {
    const value =
      task === 0
        ? ({ from: 'job-input', input: blob } as const)
        : ({ from: 'task', task: task - 1, position: 0 } as const);
    builder.addTask({
      kind,
      sources: [constant(task), constant(OUTPUT_BYTES), zero, zero, value],
    });
  }
  return builder.build();
}

it.each(['sqlite', 'mariadb'] as const)(
  'inputs and outputs of many megabytes pass from task to task, on %s, also over a crash',
  async (db) => {
    const directory = await mkdtemp(join(tmpdir(), 'spider-large-'));
    await using database = await openChaosDatabase(db, directory);
    try {
      await using cluster = await startLocalCluster({
        directory,
        packageDir: TASK_PACKAGES,
        slots: 1,
        env: { SPIDER_CHAOS_RECORD: join(directory, 'executions') },
        config: {
          storage: { runtime: { db: database.config } },
          executionManager: {
            task_executor: {
              inherited_env: ['SPIDER_CHAOS_RECORD'],
              guard_rail: { write: [directory] },
            },
          },
        },
      });
      using client = connect({ endpoints: [cluster.storageUrl] });
      const blob = Uint8Array.from({ length: 5 * MIB }, (_, at) => at % 128);
      const inputs = encodeFrame([encodeValue(bytes, blob)]);
      expect(inputs.length).toBeGreaterThan(LIMITS.clientMessageBytes);
      const handle = await client.submitGraph(chain(), inputs, { start: true });
      for await (const { succeededTasks } of handle.watch({ minIntervalMs: 0 })) {
        if (succeededTasks >= 2) break;
      }
      cluster.processes.storage.kill('SIGKILL');
      await cluster.processes.storage.exited;
      await cluster.processes.storage.restart();
      const [output] = await handle.outputs({ timeoutMs: 120_000 });
      expect(output?.length).toBeGreaterThan(6 * MIB);
      let expected: Uint8Array = blob;
      for (let task = 0; task < CHAIN; task++) expected = mix(task, OUTPUT_BYTES, [expected]);
      const actual = decodeValue(bytes, output ?? new Uint8Array(0));
      expect(Buffer.compare(actual, expected)).toBe(0);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
  300_000,
);
