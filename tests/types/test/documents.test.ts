import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import {
  DEFAULT_EXECUTION_POLICY,
  TaskGraphBuilder,
  type Type,
  writeTaskGraphJson,
} from '@spider/core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  codeBlocks,
  compile,
  type CompilerError,
  repositoryPath,
  typeTable,
} from '../src/index.ts';

const PROGRAMS = repositoryPath('tests/types/dist/documents');
const TYPE_TABLE = 'type-table.ts';

const read = (file: string): string => readFileSync(repositoryPath(file), 'utf8');
const documents = readdirSync(repositoryPath('docs')).filter((file) => file.endsWith('.md'));
const blocks = documents.flatMap((file) =>
  codeBlocks(read(`docs/${file}`)).map((block) => ({ ...block, file: `docs/${file}` })),
);
const excerpts = blocks.filter(({ example }) => example !== undefined);
const programs = blocks
  .filter(({ example }) => example === undefined)
  .map((block) => ({ ...block, program: `${block.file.replace(/\W/g, '-')}-${block.line}.ts` }));
const types = typeTable(read('docs/task-packages.md'));

let errors: readonly CompilerError[] = [];
const errorsIn = (program: string): readonly CompilerError[] =>
  errors.filter(({ file }) => file.endsWith(`/${program}`));

beforeAll(async () => {
  rmSync(PROGRAMS, { recursive: true, force: true });
  mkdirSync(PROGRAMS, { recursive: true });
  for (const { program, code } of programs) {
    writeFileSync(`${PROGRAMS}/${program}`, `${code}\nexport {};\n`);
  }
  writeFileSync(`${PROGRAMS}/${TYPE_TABLE}`, typeTableProgram());
  errors = await compile(repositoryPath('tests/types/programs/documents.tsconfig.json'));
});

describe('the code in the documents', () => {
  test('is there', () => {
    expect(excerpts.length).toBeGreaterThan(10);
  });

  test.each(excerpts)('$file, line $line, is that of $example', ({ code, example = '' }) => {
    expect(withoutIndentation(read(example))).toContain(withoutIndentation(code));
  });

  test.each(programs)('$file, line $line, compiles', ({ program }) => {
    expect(errorsIn(program)).toEqual([]);
  });
});

describe('the table of types', () => {
  test('has the values that the compiler takes', () => {
    expect(types.length).toBeGreaterThan(12);
    expect(errorsIn(TYPE_TABLE)).toEqual([]);
  });

  test('has the JSON that graphs are written with', async () => {
    const url = pathToFileURL(`${PROGRAMS}/${TYPE_TABLE}`).href;
    const { types: found } = (await import(url)) as { readonly types: readonly Type<unknown>[] };
    expect(found.map(jsonOf)).toEqual(types.map(({ json }) => json));
  });
});

/** Excerpts are shown without the indentation of their place. */
const withoutIndentation = (code: string): string => code.replaceAll(/^[ \t]+/gm, '');

/** Has the types of the table, and compiles if its values are theirs. */
function typeTableProgram(): string {
  const checks = types.map(
    ({ type, values }, index) =>
      `const type${index} = ${type};\n` +
      `export const check${index}: AreEqual<ValueOf<typeof type${index}>, ${values}> = true;`,
  );
  return [
    "import * as tdl from '@spider/tdl';",
    "import type { ValueOf } from '@spider/tdl';",
    'const { int8, int16, int32, int64, float32, float64, boolean, bytes, string } = tdl;',
    'const { list, map, struct, optional, shared } = tdl;',
    'type AreEqual<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;',
    ...checks,
    `export const types = [${types.map((_, index) => `type${index}`).join(', ')}];`,
  ].join('\n');
}

/** The type as the only input of a task in the JSON of a graph. */
function jsonOf(type: Type<unknown>): unknown {
  const builder = new TaskGraphBuilder();
  builder.addJobInput(type.descriptor);
  builder.addTask({
    kind: {
      packageName: 'p',
      functionName: 'f',
      inputs: [type.descriptor],
      outputs: [],
      policy: DEFAULT_EXECUTION_POLICY,
    },
    sources: [{ from: 'job-input', input: 0 }],
  });
  const json = new TextDecoder().decode(writeTaskGraphJson(builder.build()));
  const graph = JSON.parse(json) as { readonly tasks: readonly { readonly inputs: unknown[] }[] };
  return graph.tasks[0]?.inputs[0];
}
