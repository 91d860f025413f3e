import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../wire/testing/hex.ts';
import { parseTaskGraphJson } from '../json/task-graph-json.ts';
import { decodeTaskGraphMsgpack, encodeTaskGraphMsgpack } from './task-graph-msgpack.ts';

const text = (characters: string): string => {
  const marker = characters.length < 32 ? [0xa0 | characters.length] : [0xd9, characters.length];
  return toHex(Uint8Array.from([...marker, ...Buffer.from(characters)]));
};

const join = (...parts: string[]): string => parts.join('');

const parseJson = (json: string): ReturnType<typeof parseTaskGraphJson> =>
  parseTaskGraphJson(new TextEncoder().encode(json));

const decode = (...hex: string[]): ReturnType<typeof decodeTaskGraphMsgpack> =>
  decodeTaskGraphMsgpack(fromHex(hex.join('')));

const int64 = `81${text('Value')}81${text('Primitive')}81${text('Int')}${text('Int64')}`;
const graph = parseJson(
  '{"schema_version":"0.1.0","tasks":[{"tdl_context":{"package":"p","task_func":"f"},"inputs":[],"outputs":[{"Value":{"Primitive":{"Int":"Int64"}}}],"input_sources":null},{"tdl_context":{"package":"p","task_func":"g"},"execution_policy":{"max_num_retry":300,"max_num_instances":1,"timeout_policy":{"soft_timeout_ms":100,"hard_timeout_ms":86400000}},"inputs":[{"Value":{"Primitive":{"Int":"Int64"}}}],"outputs":[],"input_sources":[{"task_idx":0,"position":0}]}],"commit_task":{"tdl_context":{"package":"p","task_func":"c"}},"cleanup_task":null}',
);

const named = [
  join('84', text('schema_version'), text('0.1.0'), text('tasks'), '92'),
  join('84', text('tdl_context'), '82', text('package'), text('p'), text('task_func'), text('f')),
  join(text('inputs'), '90', text('outputs'), '91', int64, text('input_sources'), 'c0'),
  join('85', text('tdl_context'), '82', text('package'), text('p'), text('task_func'), text('g')),
  join(text('execution_policy'), '83', text('max_num_retry'), 'cd012c'),
  join(text('max_num_instances'), '01', text('timeout_policy')),
  join('82', text('soft_timeout_ms'), '64', text('hard_timeout_ms'), 'ce05265c00'),
  join(text('inputs'), '91', int64, text('outputs'), '90', text('input_sources'), '91'),
  join('82', text('task_idx'), '00', text('position'), '00'),
  join(text('commit_task'), '81', text('tdl_context')),
  join('82', text('package'), text('p'), text('task_func'), text('c'), text('cleanup_task'), 'c0'),
];

test('a graph is written with named fields', () => {
  expect(toHex(encodeTaskGraphMsgpack(graph))).toBe(named.join(''));
  expect(decode(...named)).toEqual(graph);
});

test('a graph is read from lists of its fields too', () => {
  const compact = [
    join('94', text('0.1.0'), '92'),
    join('95', '92', text('p'), text('f'), 'c0', '90', '91', int64, 'c0'),
    join('95', '92', text('p'), text('g'), '93', 'cd012c', '01', '92', '64', 'ce05265c00'),
    join('91', int64, '90', '91', '92', '00', '00'),
    join('91', '92', text('p'), text('c'), 'c0'),
  ];
  expect(decode(...compact)).toEqual(graph);
});

test('numbers and headers may be wider than they need be, and text may be a binary', () => {
  const wide = [
    join(
      'df00000004',
      'd90e',
      toHex(Buffer.from('schema_version')),
      'c405',
      toHex(Buffer.from('0.1.0')),
    ),
    join(text('tasks'), 'dd00000001', '84', text('tdl_context'), '92', text('p'), text('f')),
    join(text('execution_policy'), '92', 'cf00000000ffffffff', 'd300000000ffffffff'),
    join(text('inputs'), 'dc0000', text('outputs'), '90'),
    join(text('commit_task'), 'c0', text('cleanup_task'), 'c0'),
  ];
  expect(decode(...wide).kinds[0]?.policy).toMatchObject({
    maxRetries: 4_294_967_295,
    maxInstances: 4_294_967_295,
  });
});

const head = ['84', text('schema_version'), text('0.1.0'), text('commit_task'), 'c0'];
const tasksLast = [...head, text('cleanup_task'), 'c0', text('tasks')];
const taskHead = (fields: number): string =>
  `8${fields}${text('tdl_context')}92${text('p')}${text('f')}`;
const noTypes = `${text('inputs')}90${text('outputs')}90`;

test('unknown fields inside are passed over, whatever they hold', () => {
  const scalars =
    'c0 c2 00 e0 ccff cfffffffffffffffff d3ffffffffffffffff ca00000000 cb0000000000000000';
  const texts = 'a161 d90161 da000161 c40161 c5000161 c6000000016f';
  const collections = '91c0 81c0c0 dc0001c0 de0001c0c0 d40000 c7010000 9191919191a161';
  const values = `${scalars} ${texts} ${collections}`.split(' ');
  for (const value of values) {
    const task = `${taskHead(4)}${text('x')}${value}${noTypes}`;
    expect(decode(...tasksLast, '91', task).taskCount).toBe(1);
  }
});

describe('a graph is refused', () => {
  test.each([
    ['that is no map', ['c0'], 'expected a task graph, got nil'],
    ['with bytes behind it', [...named, 'c0'], '1 bytes follow its end'],
    ['with an unknown field', [...head, text('task'), '90'], 'unknown field `task`'],
    ['with a field twice', [...head, text('commit_task'), 'c0'], 'duplicate field `commit_task`'],
    [
      'without a field',
      ['83', ...head.slice(1), text('tasks'), '90'],
      'missing field `cleanup_task`',
    ],
    [
      'with too many fields',
      ['95', text('0.1.0'), '90', 'c0', 'c0', 'c0'],
      'more than its 4 fields',
    ],
    [
      'with another version',
      [named.join('').replace(text('0.1.0'), text('9.0.0'))],
      'incompatible task graph schema version "9.0.0"',
    ],
    ['with more tasks than there are bytes', [...tasksLast, 'ddffffffff'], 'only 0 bytes'],
    ['with a map of more entries than there are bytes', ['dfffffffff'], 'only 0 bytes'],
    ['with the invalid byte', [...tasksLast, '91', 'c1'], 'got the invalid byte c1'],
    [
      'with a task that is none',
      [...tasksLast, '91', '00'],
      'task 0: expected a task, got integer',
    ],
    [
      'with a key that is no text',
      [...tasksLast, '91', '8100c0'],
      'task 0: expected string, got integer',
    ],
    [
      'with a number of retries beyond 32 bits',
      [
        ...tasksLast,
        '91',
        taskHead(4),
        noTypes,
        text('execution_policy'),
        '92cf000000010000000001',
      ],
      'task 0: expected a number of retries (0…4294967295), got 4294967296',
    ],
    [
      'with a timeout that is a float',
      [
        ...tasksLast,
        '91',
        taskHead(4),
        noTypes,
        text('execution_policy'),
        '930001',
        '92ca42c8000064',
      ],
      'task 0: expected a soft timeout, got float',
    ],
    [
      'with a timeout that is negative',
      [...tasksLast, '91', taskHead(4), noTypes, text('execution_policy'), '930001', '92ff64'],
      'task 0: expected a soft timeout',
    ],
    [
      'with a timeout beyond all bounds',
      [
        ...tasksLast,
        '91',
        taskHead(4),
        noTypes,
        text('execution_policy'),
        '930001',
        '92cfffffffffffffffff64',
      ],
      'task 0: invalid timeout policy: softTimeoutMs is 18446744073709552000',
    ],
    [
      'with a package name that is too long',
      [
        ...tasksLast,
        '91',
        `83${text('tdl_context')}92da0101${'61'.repeat(257)}${text('f')}`,
        noTypes,
      ],
      'a package name has more than 256 bytes',
    ],
    [
      'with a policy that allows no instance',
      [...tasksLast, '91', taskHead(4), noTypes, text('execution_policy'), '920000'],
      'task 0: invalid execution policy: maxInstances is 0',
    ],
  ])('%s', (_what, hex, message) => {
    expect(() => decode(...hex)).toThrow(message);
    expect(() => decode(...hex)).toThrow(/^task graph in MessagePack: /);
  });

  test('that is larger than a submission may be', () => {
    expect(() => decodeTaskGraphMsgpack(new Uint8Array(256 * 1024 * 1024 + 1))).toThrow(
      'it has 268435457 bytes, more than 268435456',
    );
  });
});

test('values nested 100,000 levels deep are passed over', () => {
  const deep = '91'.repeat(100_000);
  const task = `${taskHead(4)}${text('x')}${deep}c0${noTypes}`;
  expect(decode(...tasksLast, '91', task).taskCount).toBe(1);
});
