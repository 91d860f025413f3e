import { execFileSync } from 'node:child_process';
import { appendFile, readFile } from 'node:fs/promises';

/** The lines of a record, each of JSON; none if there is no file of that name. */
export async function readRecord<T>(file: string | undefined): Promise<T[]> {
  if (file === undefined) return [];
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
}

export async function appendRecord(file: string | undefined, line: object): Promise<void> {
  if (file !== undefined) await appendFile(file, `${JSON.stringify(line)}\n`);
}

/** Of the folder that the command runs in. */
export function currentCommit(): string {
  try {
    const git = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return String(git).trim();
  } catch {
    return 'unknown';
  }
}
