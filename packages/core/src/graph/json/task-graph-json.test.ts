import { describe, expect, test } from 'vitest';
import type { TypeDescriptor } from '../../value/type-descriptor.ts';
import { TaskGraphBuilder } from '../task-graph-builder.ts';
import { DEFAULT_EXECUTION_POLICY, type TaskGraph, type TaskKind } from '../task-graph.ts';
import { layeredGraph } from '../testing/closed-form-graphs.ts';
import { parseTaskGraphJson, writeTaskGraphJson } from './task-graph-json.ts';
import {
  float64,
  graphText,
  int64,
  policyText,
  sourcesText,
  taskText,
} from './testing/graph-text.ts';

const INT64: TypeDescriptor = { shared: false, value: { type: 'int64' } };
const FLOAT64: TypeDescriptor = { shared: false, value: { type: 'float64' } };

const parse = (text: string): TaskGraph => parseTaskGraphJson(new TextEncoder().encode(text));
const write = (graph: TaskGraph): string => new TextDecoder().decode(writeTaskGraphJson(graph));

function kind(inputs: TypeDescriptor[], outputs: TypeDescriptor[]): TaskKind {
  const policy = DEFAULT_EXECUTION_POLICY;
  return { packageName: 'p', functionName: 'f', inputs, outputs, policy };
}

describe('the JSON of a graph', () => {
  test('of one task is, byte for byte, what the reference writes', () => {
    const text =
      '{"schema_version":"0.1.0","tasks":[{"tdl_context":{"package":"p","task_func":"f"},"inputs":[{"Value":{"Primitive":{"Int":"Int64"}}}],"outputs":[{"Value":{"Primitive":{"Int":"Int64"}}}],"input_sources":null}],"commit_task":null,"cleanup_task":null}';
    expect(text).toHaveLength(247);
    const builder = new TaskGraphBuilder();
    const input = builder.addJobInput(INT64);
    builder.addTask({ kind: kind([INT64], [INT64]), sources: [{ from: 'job-input', input }] });
    const graph = builder.build();
    expect(write(graph)).toBe(text);
    expect(parse(text)).toEqual(graph);
  });

  test('has all keys in the reference’s order, and leaves out what is default', () => {
    const text = graphText({
      tasks: `[${[
        taskText(`${int64},${float64}`, `${float64},${int64}`),
        taskText('', int64),
        taskText(
          `${int64},${float64}`,
          '',
          sourcesText([0, 1], [0, 0]),
          `"execution_policy":${policyText(7, 2, 100, 101)},`,
        ),
        taskText(int64, '', sourcesText([1, 0])),
      ].join()}]`,
      commitTask: `{"tdl_context":{"package":"p","task_func":"commit"},"execution_policy":${policyText(0, 1, 150_000, 300_000)}}`,
      cleanupTask: '{"tdl_context":{"package":"q","task_func":"cleanup"}}',
    });
    expect(write(parse(text))).toBe(text);
  });

  test('of no task is possible', () => {
    expect(write(parse(graphText()))).toBe(graphText());
    expect(parse(graphText()).taskCount).toBe(0);
  });
});

describe('a graph is read', () => {
  test('task by task, and those without sources take the job’s inputs in order', () => {
    const graph = parse(
      graphText({
        tasks: `[${[
          taskText(`${int64},${float64}`, int64),
          taskText(int64, '', sourcesText([0, 0])),
          taskText('', float64),
          taskText(float64, ''),
        ].join()}]`,
      }),
    );
    expect(graph.taskCount).toBe(4);
    expect(graph.jobInputs).toEqual([INT64, FLOAT64, FLOAT64]);
    expect([...graph.sourceSlot]).toEqual([0, 1, 0, 2]);
    expect([...graph.jobOutputSlots]).toEqual([1]);
    expect(graph.kinds).toEqual([
      kind([INT64, FLOAT64], [INT64]),
      kind([INT64], []),
      kind([], [FLOAT64]),
      kind([FLOAT64], []),
    ]);
  });

  test('from keys in any order, with spaces between all', () => {
    const text =
      ' {"cleanup_task" : null , "tasks" : [ { "input_sources" : null , "outputs":[ ] , "execution_policy":null, "inputs" :[ ], "tdl_context":{"task_func":"f","package":"p"}}],\n"schema_version":"0.1.9+x" ,\t"commit_task":null }\r\n';
    expect(parse(text)).toEqual(parse(graphText({ tasks: `[${taskText('', '')}]` })));
  });

  test('with what may be left out, and unknown keys inside', () => {
    const text = graphText({
      tasks:
        '[{"tdl_context":{"package":"","task_func":"","x":{"package":1}},"inputs":[],"outputs":[],"x":null,"x":[],"execution_policy":{"max_num_retry":1,"max_num_instances":4294967295,"x":0}}]',
      commitTask: '{"tdl_context":{"package":"p","task_func":"c"},"execution_policy":null,"x":0}',
    });
    const graph = parse(text);
    expect(graph.kinds).toEqual([
      {
        ...kind([], []),
        packageName: '',
        functionName: '',
        policy: { ...DEFAULT_EXECUTION_POLICY, maxRetries: 1, maxInstances: 4_294_967_295 },
      },
    ]);
    expect(graph.commitTask).toEqual({
      packageName: 'p',
      functionName: 'c',
      policy: DEFAULT_EXECUTION_POLICY,
    });
  });

  test('with its structs as lists of their fields', () => {
    const text = graphText({
      tasks: `[[["p","f"],[0,1,[150000,300000]],[],[${int64}],null],[["p","f"],null,[${int64}],[],[[0,0]]]]`,
      commitTask: '[["p","c"]]',
    });
    const named = graphText({
      tasks: `[${taskText('', int64)},${taskText(int64, '', sourcesText([0, 0]))}]`,
      commitTask: '{"tdl_context":{"package":"p","task_func":"c"}}',
    });
    expect(parse(text)).toEqual(parse(named));
  });

  test('and a policy that a termination task was given is kept, even the default one', () => {
    const cleanup = (more: string): string =>
      graphText({ cleanupTask: `{"tdl_context":{"package":"p","task_func":"c"}${more}}` });
    const given = cleanup(`,"execution_policy":${policyText(0, 1, 150_000, 300_000)}`);
    expect(write(parse(given))).toBe(given);
    expect(write(parse(cleanup('')))).toBe(cleanup(''));
    expect(parse(given).cleanupTask?.policy).toEqual(parse(cleanup('')).cleanupTask?.policy);
  });

  test('of the same kinds, however often they are written', () => {
    const graph = layeredGraph({ layers: 2, width: 50, inputsPerTask: 3 });
    const again = parseTaskGraphJson(writeTaskGraphJson(graph));
    expect(again).toEqual(graph);
    expect(again.kinds).toHaveLength(1);
  });
});

describe('what the schema cannot express is not written:', () => {
  const source = (): TaskGraphBuilder => {
    const builder = new TaskGraphBuilder();
    const input = builder.addJobInput(INT64);
    builder.addTask({
      kind: kind([INT64], [INT64, INT64]),
      sources: [{ from: 'job-input', input }],
    });
    return builder;
  };
  const refusal = (builder: TaskGraphBuilder): string => {
    try {
      writeTaskGraphJson(builder.build());
    } catch (error) {
      expect(error).toMatchObject({ name: 'SpiderError', code: 'invalid-argument' });
      return (error as Error).message;
    }
    throw new Error('it was written');
  };

  test('a delay between attempts', () => {
    const builder = new TaskGraphBuilder();
    const policy = { ...DEFAULT_EXECUTION_POLICY, maxRetries: 1, retryDelayMs: 5 };
    builder.addTask({ kind: { ...kind([], [INT64]), policy }, sources: [] });
    expect(refusal(builder)).toContain('has a retry delay');
  });

  test('constants', () => {
    const builder = source();
    const constant = builder.addConstant(Uint8Array.of(7));
    expect(refusal(builder)).toContain('the graph has constants');
    builder.addTask({ kind: kind([INT64], []), sources: [{ from: 'constant', constant }] });
    expect(refusal(builder)).toContain('input 0 of task 1 is a constant');
  });

  test('ordering edges', () => {
    const builder = source();
    builder.addTask({ kind: kind([], []), sources: [], after: [0] });
    expect(refusal(builder)).toBe(
      "the reference's schema cannot express this graph: task 1 has ordering edges",
    );
  });

  test('inputs of the job beside such from tasks', () => {
    const builder = source();
    const input = builder.addJobInput(INT64);
    builder.addTask({
      kind: kind([INT64, INT64], []),
      sources: [
        { from: 'task', task: 0, position: 0 },
        { from: 'job-input', input },
      ],
    });
    expect(refusal(builder)).toContain('task 1 takes inputs from tasks as well as from the job');
  });

  test('an input of the job that two tasks take', () => {
    const builder = source();
    builder.addTask({ kind: kind([INT64], []), sources: [{ from: 'job-input', input: 0 }] });
    expect(refusal(builder)).toContain('input 0 of task 1 is job input 0, not the next one, 1');
  });

  test('inputs of the job in another order', () => {
    const builder = source();
    builder.addJobInput(INT64);
    builder.addJobInput(INT64);
    const sources = [2, 1].map((input) => ({ from: 'job-input', input }) as const);
    builder.addTask({ kind: kind([INT64, INT64], []), sources });
    expect(refusal(builder)).toContain('input 0 of task 1 is job input 2, not the next one, 1');
  });

  test('an input of the job that no task takes', () => {
    const builder = source();
    builder.addJobInput(INT64);
    expect(refusal(builder)).toContain('no task takes job input 1');
  });

  test('job outputs that are chosen, unless they are the default ones', () => {
    const builder = source();
    const [first, second] = [0, 1].map((position) => ({ task: 0, position }));
    if (!first || !second) throw new Error('unreachable');
    builder.setJobOutputs([first]);
    expect(refusal(builder)).toContain("job's outputs, beginning with those of task 0");
    builder.setJobOutputs([second, first]);
    expect(refusal(builder)).toContain("job's outputs, beginning with those of task 0");
    builder.setJobOutputs([first, second]);
    expect(() => writeTaskGraphJson(builder.build())).not.toThrow();
  });

  test('types that the reference could not read, because they make the text too deep', () => {
    const nested = (levels: number): TypeDescriptor => ({
      shared: false,
      value: Array.from({ length: levels }).reduce<TypeDescriptor['value']>(
        (value) => ({ type: 'map', key: { type: 'int8' }, value }),
        { type: 'boolean' },
      ),
    });
    const builder = source();
    builder.addTask({ kind: kind([], [nested(60)]), sources: [] });
    expect(() => parseTaskGraphJson(writeTaskGraphJson(builder.build()))).not.toThrow();
    builder.addTask({ kind: kind([], [nested(61)]), sources: [] });
    expect(refusal(builder)).toBe(
      'task 2: the JSON would be nested deeper than the reference reads',
    );
  });
});
