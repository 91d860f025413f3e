import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { compile, type CompilerError, readWrongPrograms, repositoryPath } from '../src/index.ts';

const PROGRAMS = 'tests/types/programs';
const filesOf = (folder: string): readonly string[] =>
  readdirSync(repositoryPath(`${PROGRAMS}/${folder}`)).map(
    (file) => `${PROGRAMS}/${folder}/${file}`,
  );

let errors: readonly CompilerError[] = [];
const errorsIn = (file: string): readonly CompilerError[] =>
  errors.filter((error) => error.file === file);

beforeAll(async () => {
  errors = await compile(repositoryPath(PROGRAMS));
});

describe.each(filesOf('wrong'))('%s', (file) => {
  const programs = readWrongPrograms(readFileSync(repositoryPath(file), 'utf8'));

  test.each(programs)('the compiler refuses $title', ({ refusals }) => {
    expect(refusals).not.toEqual([]);
    for (const { line, part } of refusals) {
      const messages = errorsIn(file).filter((error) => error.line === line);
      expect(messages.map(({ message }) => message).join('\n')).toContain(part);
    }
  });

  test('and nothing else', () => {
    const expected = new Set(programs.flatMap(({ refusals }) => refusals.map(({ line }) => line)));
    expect(errorsIn(file).filter(({ line }) => !expected.has(line))).toEqual([]);
  });
});

test('there are many wrong programs, and the compiler refuses nothing but them', () => {
  const wrong = filesOf('wrong').flatMap((file) =>
    readWrongPrograms(readFileSync(repositoryPath(file), 'utf8')),
  );
  expect(wrong.length).toBeGreaterThan(75);
  const files = new Set(filesOf('wrong'));
  expect(errors.filter(({ file }) => !files.has(file))).toEqual([]);
});
