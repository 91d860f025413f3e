import { describe, expect, test } from 'vitest';
import { MsgpackWriter } from '../../value/msgpack-writer.ts';
import { parseTaskGraphJson } from '../json/task-graph-json.ts';
import { decodeTaskGraphMsgpack } from '../msgpack/task-graph-msgpack.ts';

type Key = 'schema_version' | 'tasks' | 'commit_task' | 'cleanup_task';
type Document = Partial<Record<Key, unknown>>;

const context = { package: 'p', task_func: 'f' };
const task = { tdl_context: context, inputs: [], outputs: [], input_sources: null };
const sound: Document = {
  schema_version: '0.1.0',
  tasks: [task, task],
  commit_task: { tdl_context: context },
  cleanup_task: { tdl_context: context },
};
const noInstances = {
  tdl_context: context,
  execution_policy: { max_num_retry: 0, max_num_instances: 0 },
};

/** Mistakes in the order in which they are told: of two, the first one. */
const MISTAKES: readonly { key: Key; value?: unknown; told: string }[] = [
  { key: 'schema_version', told: 'missing field `schema_version`' },
  { key: 'tasks', told: 'missing field `tasks`' },
  { key: 'schema_version', value: 1, told: 'invalid task graph schema version' },
  { key: 'schema_version', value: '9.0.0', told: 'incompatible task graph schema version' },
  { key: 'commit_task', told: 'missing field `commit_task`' },
  { key: 'commit_task', value: {}, told: 'commit task: byte' },
  { key: 'cleanup_task', told: 'missing field `cleanup_task`' },
  { key: 'cleanup_task', value: { tdl_context: 1 }, told: 'expected a TDL context' },
  { key: 'commit_task', value: noInstances, told: 'commit task: invalid execution policy' },
  { key: 'cleanup_task', value: noInstances, told: 'cleanup task: invalid execution policy' },
  { key: 'tasks', value: 'garbage', told: 'expected the list of tasks' },
  {
    key: 'tasks',
    value: [{ ...task, input_sources: [] }, noInstances],
    told: 'task 1: byte',
  },
  {
    key: 'tasks',
    value: [task, { ...task, input_sources: [] }, { ...task, ...noInstances }],
    told: 'task 1: invalid input sources',
  },
];

function withMistake(document: Document, { key, value }: { key: Key; value?: unknown }): Document {
  const { [key]: _, ...rest } = document;
  return value === undefined ? rest : { ...rest, [key]: value };
}

const encoder = new TextEncoder();

function toMsgpack(value: unknown, writer = new MsgpackWriter()): Uint8Array {
  if (value === null) writer.writeNil();
  else if (typeof value === 'string') writer.writeString(value);
  else if (typeof value === 'number') writer.writeInt(value);
  else if (Array.isArray(value)) {
    writer.writeArrayHeader(value.length);
    for (const element of value) toMsgpack(element, writer);
  } else {
    const entries = Object.entries(value as object);
    writer.writeMapHeader(entries.length);
    for (const [key, entry] of entries) {
      writer.writeString(key);
      toMsgpack(entry, writer);
    }
  }
  return writer.toBytes();
}

const PARSERS = {
  JSON: (document: Document) => parseTaskGraphJson(encoder.encode(JSON.stringify(document))),
  MessagePack: (document: Document) => decodeTaskGraphMsgpack(toMsgpack(document)),
};

describe.each(Object.entries(PARSERS))('in %s', (_name, parse) => {
  test('a sound graph is read', () => {
    expect(parse(sound).taskCount).toBe(2);
  });

  test.each(MISTAKES.map((mistake, rank) => ({ ...mistake, rank })))(
    '“$told” is told before all mistakes of lower rank ($rank)',
    (mistake) => {
      expect(() => parse(withMistake(sound, mistake))).toThrow(mistake.told);
      for (const later of MISTAKES.slice(mistake.rank + 1)) {
        if (later.key === mistake.key) continue;
        const first = withMistake(withMistake(sound, mistake), later);
        const second = withMistake(withMistake(sound, later), mistake);
        expect(() => parse(first)).toThrow(mistake.told);
        expect(() => parse(second)).toThrow(mistake.told);
      }
    },
  );
});

test('text that is no JSON at all is told before any other mistake', () => {
  for (const mistake of MISTAKES) {
    const text = JSON.stringify(withMistake(sound, mistake));
    const cut = encoder.encode(text.slice(0, -1));
    expect(() => parseTaskGraphJson(cut)).toThrow('got the end of the text');
  }
});

test('a version that does not fit is told though the tasks before it are garbage', () => {
  const text =
    '{"tasks":[1,{"a":[null]}],"schema_version":"999.0.0","commit_task":0,"cleanup_task":0}';
  expect(() => parseTaskGraphJson(encoder.encode(text))).toThrow(
    'incompatible task graph schema version "999.0.0"',
  );
});
