import { describe, expect, test } from 'vitest';
import type { TypeDescriptor } from '../../value/type-descriptor.ts';
import { floatTaskKind, layeredGraph } from '../testing/closed-form-graphs.ts';
import { TaskGraphBuilder } from '../task-graph-builder.ts';
import { DEFAULT_EXECUTION_POLICY } from '../task-graph.ts';
import { decodeTaskGraph } from './decode-task-graph.ts';
import { encodeTaskGraph } from './encode-task-graph.ts';

const HEAD = [0x53, 0x50, 0x47, 1];
const float64: TypeDescriptor = { shared: false, value: { type: 'float64' } };

const text = (characters: string): number[] => [characters.length, ...Buffer.from(characters)];

function refusal(...bytes: number[]): string {
  try {
    decodeTaskGraph(Uint8Array.from(bytes));
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the graph was taken');
}

describe('the bytes of a graph', () => {
  test('are what other releases wrote and will read', () => {
    const builder = new TaskGraphBuilder();
    builder.addJobInput(float64);
    builder.addConstant(Uint8Array.of(0xcb, 0, 0, 0, 0, 0, 0, 0, 0));
    const kind = { ...floatTaskKind(2, 2), packageName: 'p', functionName: 'f' };
    builder.addTask({
      kind,
      sources: [
        { from: 'job-input', input: 0 },
        { from: 'constant', constant: 0 },
      ],
    });
    builder.addTask({
      kind,
      sources: [
        { from: 'task', task: 0, position: 0 },
        { from: 'task', task: 0, position: 1 },
      ],
      after: [0],
    });
    builder.setJobOutputs([{ task: 1, position: 1 }]);
    builder.setCommitTask({
      packageName: 'p',
      functionName: 'c',
      policy: { maxRetries: 300, maxInstances: 1, softTimeoutMs: 100, hardTimeoutMs: 101 },
    });
    const graph = builder.build();

    const types = [1, 0, 5];
    const kinds = [1, ...text('p'), ...text('f'), 0, 2, 0, 0, 2, 0, 0];
    const jobInputs = [1, 0];
    const constants = [1, 9, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0];
    const tasks = [2, 0, 0, 2, 1, 4, 5, 1, 1, 1];
    const jobOutputs = [1, 6];
    const commitTask = [...text('p'), ...text('c'), 1, 0xac, 0x02, 1, 100, 101];
    expect([...encodeTaskGraph(graph)]).toEqual([
      ...HEAD,
      0b101,
      ...types,
      ...kinds,
      ...jobInputs,
      ...constants,
      ...tasks,
      ...jobOutputs,
      ...commitTask,
    ]);
    expect(decodeTaskGraph(encodeTaskGraph(graph))).toEqual(graph);
  });

  test('are few: two a far edge, one a task and a job input', () => {
    const graph = layeredGraph({ layers: 3, width: 1_000, inputsPerTask: 25 });
    const bytes = encodeTaskGraph(graph);
    expect(bytes.length).toBeLessThan(3_000 + 2 * 25_000 + 2 * 50_000 + 200);
    expect(decodeTaskGraph(bytes)).toEqual(graph);
  });

  test('are not kept: a constant does not change with them', () => {
    const builder = new TaskGraphBuilder();
    builder.addConstant(Uint8Array.of(7));
    const bytes = encodeTaskGraph(builder.build());
    const graph = decodeTaskGraph(bytes);
    bytes.fill(0);
    expect(graph.constants).toEqual([Uint8Array.of(7)]);
  });
});

test('a retry delay of nothing, which nobody writes, is none', () => {
  const policy = { ...DEFAULT_EXECUTION_POLICY, retryDelayMs: 1 };
  const builder = new TaskGraphBuilder();
  builder.addTask({ kind: { ...floatTaskKind(0, 0), policy }, sources: [] });
  const bytes = encodeTaskGraph(builder.build());
  expect(decodeTaskGraph(bytes).kinds[0]?.policy).toEqual(policy);

  // The delay stands before the counts of the kind's inputs and outputs, and those of the job's
  // inputs, its constants, its tasks, and the one task.
  const place = bytes.lastIndexOf(1, -4);
  bytes[place] = 0;
  const graph = decodeTaskGraph(bytes);
  expect(graph.kinds[0]?.policy).toEqual(DEFAULT_EXECUTION_POLICY);
  expect(decodeTaskGraph(encodeTaskGraph(graph))).toEqual(graph);
});

describe('what is refused', () => {
  test('bytes that are something else', () => {
    expect(refusal(1, 2, 3, 4)).toBe(
      'task graph: byte 1: these bytes are no task graph in the columnar form',
    );
  });

  test('a version that is not known', () => {
    expect(refusal(0x53, 0x50, 0x47, 9, 0)).toContain('version 9 of the columnar form');
  });

  test('flags that are not known', () => {
    expect(refusal(...HEAD, 0x80)).toContain('its flags 128 are not known');
  });

  test('bytes behind the end', () => {
    expect(refusal(...HEAD, 0, 0, 0, 0, 0, 0, 1)).toContain('1 bytes follow its end');
  });

  test('a count that claims more than there is, before anything is allocated for it', () => {
    const million = [0xc0, 0x84, 0x3d];
    expect(refusal(...HEAD, 0, 0, 0, 0, 0, ...million)).toBe(
      'task graph: byte 12: it is to have 1000000 tasks, but only 0 bytes are left',
    );
  });

  test('a count above its limit', () => {
    expect(refusal(...HEAD, 0, 0xff, 0xff, 0xff, 0xff, 0x0f)).toContain(
      'it has 4294967295 types, more than 65536',
    );
  });

  test('a number that does not fit 32 bits', () => {
    expect(refusal(...HEAD, 0, 0xff, 0xff, 0xff, 0xff, 0x10)).toContain('does not fit 32 bits');
  });

  test('a type that is nested too deep', () => {
    const lists = Array.from({ length: 64 }, () => 9);
    expect(refusal(...HEAD, 0, 1, 0, ...lists, 5)).toContain('deeper than 64 levels');
    expect(refusal(...HEAD, 0, 1, 0, ...lists.slice(1), 5)).toContain('end too early');
  });

  test('a struct without a name, with its place', () => {
    const types = [1, 0, 8, 0];
    const kinds = [1, ...text('p'), ...text('f'), 0, 1, 0, 0];
    expect(refusal(...HEAD, 0, ...types, ...kinds, 0, 0, 0)).toBe(
      'task kind 0: input 0: a struct type has an empty name',
    );
  });

  test('a map whose keys are floats', () => {
    expect(refusal(...HEAD, 0, 1, 0, 10, 5, 5)).toContain('neither integers nor bytes');
  });

  test('text that is not UTF-8', () => {
    expect(refusal(...HEAD, 0, 0, 1, 1, 0xff, 0)).toContain('the package name is not UTF-8');
  });

  test('a policy that breaks a rule', () => {
    const commitTask = [...text('p'), ...text('c'), 1, 0, 0, 100, 101];
    expect(refusal(...HEAD, 1, 0, 0, 0, 0, 0, ...commitTask)).toContain(
      'commit task: invalid execution policy: maxInstances is 0',
    );
    const kinds = [1, ...text('p'), ...text('f'), 1, 0, 1, 99, 101, 0, 0];
    expect(refusal(...HEAD, 0, 0, ...kinds, 0, 0, 0)).toContain(
      'task kind 0: invalid timeout policy: softTimeoutMs is 99',
    );
  });

  test('a task that breaks a rule', () => {
    const types = [2, 0, 5, 1, 5];
    const kinds = [1, ...text('p'), ...text('f'), 0, 1, 0, 1, 1];
    const until = [...HEAD, 0, ...types, ...kinds, 1, 0, 0];
    expect(refusal(...until, 2, 0, 0, 0, 4)).toBe(
      'task 1: input 0 is of type float64, but output 0 of task 0 is of type shared float64',
    );
    expect(refusal(...until, 1, 0, 4)).toContain('task 0: input 0 comes from task -1');
    expect(refusal(...until, 1, 1, 0, 1, 0)).toContain('task 0: it is to run after task 0');
    expect(refusal(...until, 1, 2, 0)).toContain('task 0 is of a kind that does not exist');
  });

  test('job outputs that do not exist', () => {
    const kinds = [1, ...text('p'), ...text('f'), 0, 0, 1, 0];
    const until = [...HEAD, 4, 1, 0, 5, ...kinds, 0, 0, 1, 0];
    expect(refusal(...until, 1, 2)).toContain('job output 0: there is no output slot 1');
    expect(refusal(...until, 2, 0, 1)).toContain('job output 1: output slot 0 is there twice');
    expect(refusal(...until, 1, 1)).toContain('negative slot');
  });
});

test('a policy that is the default one takes a byte', () => {
  const commitTask = { packageName: '', functionName: '', policy: DEFAULT_EXECUTION_POLICY };
  const builder = new TaskGraphBuilder();
  builder.setCleanupTask({ ...commitTask, policy: { ...DEFAULT_EXECUTION_POLICY } });
  expect(Array.from(encodeTaskGraph(builder.build())).slice(-3)).toEqual([0, 0, 0]);
});
