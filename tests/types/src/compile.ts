import { relative, resolve } from 'node:path';
import { repositoryPath } from './repository-path.ts';
import { runTool } from './run-tool.ts';

/** What the compiler finds wrong, and where. */
export interface CompilerError {
  /** Relative to the root of the repository, with slashes. */
  readonly file: string;
  readonly line: number;
  /** With its reasons, one a line. */
  readonly message: string;
}

/** Checks the programs of a project, all in one run. */
export async function compile(project: string): Promise<readonly CompilerError[]> {
  const args = ['--project', project, '--pretty', 'false'];
  const output = await runTool('node_modules/typescript/bin/tsc', args);
  const errors: CompilerError[] = [];
  for (const text of output.split('\n')) {
    const found = /^(?<file>\S.*?)\((?<line>\d+),\d+\): error (?<message>TS\d+: .*)$/.exec(text);
    const last = errors.at(-1);
    if (found?.groups) {
      const { file = '', line, message = '' } = found.groups;
      errors.push({ file: inRepository(file), line: Number(line), message });
    } else if (last && text.startsWith(' ')) {
      errors[errors.length - 1] = { ...last, message: `${last.message}\n${text}` };
    } else if (text !== '') {
      throw new Error(`the compiler could not do its work: ${output}`);
    }
  }
  return errors;
}

function inRepository(file: string): string {
  const root = repositoryPath('.');
  return relative(root, resolve(root, file)).replaceAll('\\', '/');
}
