import { describe, expect, test } from 'vitest';
import type { TaskGraph } from '../task-graph.ts';
import { parseTaskGraphJson } from './task-graph-json.ts';
import {
  float64,
  graphText,
  int64,
  policyText,
  sourcesText,
  taskText,
} from './testing/graph-text.ts';
const parse = (text: string): TaskGraph => parseTaskGraphJson(new TextEncoder().encode(text));

const refused = (fields: Parameters<typeof graphText>[0]): (() => TaskGraph) => {
  const text = graphText(fields);
  return () => parse(text);
};
const refusedTasks = (...tasks: string[]): (() => TaskGraph) =>
  refused({ tasks: `[${tasks.join()}]` });

describe('at the top a graph is refused', () => {
  test.each(['schema_version', 'tasks', 'commit_task', 'cleanup_task'])('without %s', (key) => {
    const fields = JSON.parse(graphText()) as Record<string, unknown>;
    delete fields[key];
    expect(() => parse(JSON.stringify(fields))).toThrow(
      `task graph JSON: missing field \`${key}\` of a task graph`,
    );
  });

  test.each(['true', 'null', '1', '1.5', '[]', '{}', '"0.1"', '"\\ud800"', `"${'0'.repeat(999)}"`])(
    'with %s as version',
    (version) => {
      expect(refused({ version: version })).toThrow('invalid task graph schema version');
    },
  );

  test.each(['0.0.0', '999.0.0', '0.2.0', '0.1.0-alpha'])('with version %s', (version) => {
    expect(refused({ version: `"${version}"` })).toThrow(
      `incompatible task graph schema version "${version}"`,
    );
  });

  test('with a key that is there twice, even if the values are equal', () => {
    const text = graphText().replace('}', ',"tas\\u006bs":[]}');
    expect(() => parse(text)).toThrow('duplicate field `tasks` of a task graph');
  });

  test('with an unknown key', () => {
    const text = graphText().replace('}', ',"task":[]}');
    expect(() => parse(text)).toThrow('unknown field `task` of a task graph');
  });

  test('as a list of its fields', () => {
    expect(() => parse('["0.1.0",[],null,null]')).toThrow('a task graph must be an object');
  });

  test('with text behind it', () => {
    expect(() => parse(`${graphText()} {}`)).toThrow('expected the end of the text, got an object');
  });

  test('if it is not JSON, or nested too deep where no one looks', () => {
    expect(() => parse('')).toThrow('a task graph must be an object');
    expect(() => parse(graphText().slice(0, -1))).toThrow('got the end of the text');
    const deep = `${'['.repeat(126)}${']'.repeat(126)}`;
    expect(refused({ commitTask: `{"x":${deep}}` })).toThrow('missing field `tdl_context`');
    expect(refused({ commitTask: `{"x":[${deep}]}` })).toThrow('deeper than 128 levels');
  });

  test('if it is larger than a submission may be', () => {
    expect(() => parseTaskGraphJson(new Uint8Array(256 * 1024 * 1024 + 1))).toThrow(
      'it has 268435457 bytes, more than 268435456',
    );
  });
});

describe('a malformed task is refused, with its index:', () => {
  test.each([
    ['null', 'expected a task, an object, got null'],
    ['{}', 'missing field `tdl_context` of a task'],
    [taskText('', '').replace('"inputs":[],', ''), 'missing field `inputs` of a task'],
    [taskText('', '').replace('"outputs":[],', ''), 'missing field `outputs` of a task'],
    [taskText('', '').replace('[]', 'null'), 'expected a list of input types, an array, got null'],
    [taskText('', '').replace('"f"', 'null'), 'expected a function name, got null'],
    [taskText('', '').replace('"p"', '1'), 'expected a package name, got a number'],
    [
      taskText('', '').replace(',"task_func":"f"', ''),
      'missing field `task_func` of a TDL context',
    ],
    [taskText('', '').replace('"f"', '"f","task_func":"f"'), 'duplicate field `task_func`'],
    [
      taskText('', '').replace('"p"', `"${'p'.repeat(257)}"`),
      'a package name has more than 256 bytes',
    ],
    [taskText('', '', 'null', '"inputs":[],'), 'duplicate field `inputs` of a task'],
    [taskText('', '', '{}'), 'expected a list of input sources, an array, got an object'],
    [taskText(int64, '', '[{"task_idx":0}]'), 'missing field `position` of an input source'],
    [
      taskText(int64, '', sourcesText(['1.0', 0])),
      'expected a task index, got a number that is no integer',
    ],
    [taskText(int64, '', sourcesText(['"1"', 0])), 'expected a task index, got a string'],
    [
      taskText(int64, '', sourcesText([0, -1])),
      'expected a position, which is not negative, got a number',
    ],
    [
      taskText(int64, '', sourcesText([0, '18446744073709551616'])),
      'a position is more than 18446744073709551615',
    ],
    [taskText('', '', 'null', '"execution_policy":1,'), 'expected an execution policy, an object'],
    [
      taskText('', '', 'null', '"execution_policy":{"max_num_retry":0},'),
      'missing field `max_num_instances` of an execution policy',
    ],
    [
      taskText('', '', 'null', `"execution_policy":${policyText(4_294_967_296, 1, 100, 101)},`),
      'a number of retries is 4294967296, more than 4294967295',
    ],
    [
      taskText(
        '',
        '',
        'null',
        '"execution_policy":{"max_num_retry":0,"max_num_instances":1,"timeout_policy":null},',
      ),
      'expected a timeout policy, an object, got null',
    ],
    [
      taskText(
        '',
        '',
        'null',
        '"execution_policy":{"max_num_retry":0,"max_num_instances":1,"timeout_policy":{"soft_timeout_ms":1}},',
      ),
      'missing field `hard_timeout_ms` of a timeout policy',
    ],
  ])('%#', (malformed, message) => {
    expect(refusedTasks(taskText('', ''), malformed)).toThrow(
      /task graph JSON: task 1: byte \d+: /,
    );
    expect(refusedTasks(taskText('', ''), malformed)).toThrow(message);
  });

  test('with more inputs, outputs or sources than a task may have', () => {
    const most = 65_536;
    const types = (count: number): string => Array.from({ length: count }, () => int64).join();
    const zeros = (count: number): string =>
      `[${Array.from({ length: count }, () => '[0,0]').join()}]`;
    const source = taskText('', int64);
    expect(refusedTasks(source, taskText(types(most), types(most), zeros(most)))).not.toThrow();
    expect(refusedTasks(source, taskText(types(most + 1), ''))).toThrow(
      'a list of input types has more than 65536 types',
    );
    expect(refusedTasks(source, taskText('', types(most + 1)))).toThrow(
      'a list of output types has more than 65536 types',
    );
    expect(refusedTasks(source, taskText(int64, '', zeros(most + 1)))).toThrow(
      'a task has at most 65536 input sources',
    );
  });

  test.each([
    ['[]', 'missing field `tdl_context` of a termination task'],
    ['{}', 'missing field `tdl_context` of a termination task'],
    ['[["p","f"],null,1]', 'a termination task has more than its 2 fields'],
    ['true', 'expected a termination task, an object, got true'],
  ])('also as commit or cleanup task: %s', (malformed, message) => {
    expect(refused({ commitTask: malformed })).toThrow('commit task: byte ');
    expect(refused({ commitTask: malformed })).toThrow(message);
    expect(refused({ cleanupTask: malformed })).toThrow('cleanup task: byte ');
    expect(refused({ cleanupTask: malformed })).toThrow(message);
  });
});

describe('a task that breaks a rule is refused, with its index:', () => {
  const withPolicy = (...numbers: [number, number, number, number]): string =>
    taskText('', '', 'null', `"execution_policy":${policyText(...numbers)},`);

  test.each([
    [withPolicy(0, 0, 1, 1), 'invalid execution policy: maxInstances is 0'],
    [withPolicy(0, 1, 99, 1), 'invalid timeout policy: softTimeoutMs is 99'],
    [withPolicy(0, 1, 86_400_001, 1), 'invalid timeout policy: softTimeoutMs is 86400001'],
    [withPolicy(0, 1, 100, 99), 'invalid timeout policy: hardTimeoutMs is 99'],
    [withPolicy(0, 1, 100, 86_400_001), 'invalid timeout policy: hardTimeoutMs is 86400001'],
    [withPolicy(0, 1, 100, 100), 'must be greater than softTimeoutMs'],
    [taskText('', '', '[]'), 'invalid input sources'],
    [taskText('', '', sourcesText([0, 0])), 'invalid input sources'],
    [taskText(int64, '', '[]'), 'it has 1 inputs, but 0 sources'],
    [taskText(int64, '', sourcesText([0, 0], [9, 9])), 'it has 1 inputs, but 2 sources'],
    [
      taskText(int64, '', sourcesText([1, 0])),
      'input 0 comes from task 1, which is not an earlier task',
    ],
    [taskText(int64, '', sourcesText([0, 1])), 'input 0 comes from output 1 of task 0'],
    [
      taskText(float64, '', sourcesText([0, 0])),
      'input 0 is of type float64, but output 0 of task 0',
    ],
    [
      taskText(int64.replace('Value', 'SharedValue'), '', sourcesText([0, 0])),
      'input 0 is of type shared int64, but output 0 of task 0 is of type int64',
    ],
  ])('%#', (broken, message) => {
    expect(refusedTasks(taskText('', int64), broken)).toThrow('task graph JSON: task 1: ');
    expect(refusedTasks(taskText('', int64), broken)).toThrow(message);
  });

  test.each(['4294967294', '4294967295', '4294967296', '18446744073709551615'])(
    'a source that is task %s',
    (index) => {
      expect(
        refusedTasks(taskText(int64, ''), taskText(int64, '', sourcesText([index, 0]))),
      ).toThrow(/task 1: input 0 comes from task \d+, which is not an earlier task/);
    },
  );

  test('a source whose position is out of all bounds', () => {
    expect(
      refusedTasks(taskText('', int64), taskText(int64, '', sourcesText([0, '4294967296']))),
    ).toThrow('input 0 comes from output 4294967296 of task 0, which has 1 outputs');
  });

  test('a graph of which the first task was cut off', () => {
    const tasks = [
      taskText('', int64),
      taskText(int64, int64, sourcesText([0, 0])),
      taskText(int64, '', sourcesText([1, 0])),
    ];
    expect(refusedTasks(...tasks)).not.toThrow();
    expect(refusedTasks(...tasks.slice(1))).toThrow('task 0: input 0 comes from task 0');
  });

  test('a commit or cleanup task with a bad policy', () => {
    const termination = (...numbers: [number, number, number, number]): string =>
      `{"tdl_context":{"package":"p","task_func":"f"},"execution_policy":${policyText(...numbers)}}`;
    expect(refused({ commitTask: termination(0, 0, 100, 101) })).toThrow(
      'commit task: invalid execution policy: maxInstances is 0',
    );
    expect(refused({ cleanupTask: termination(0, 1, 100, 100) })).toThrow(
      'cleanup task: invalid timeout policy: hardTimeoutMs is 100',
    );
  });
});
