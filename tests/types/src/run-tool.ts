import { execFile } from 'node:child_process';
import { repositoryPath } from './repository-path.ts';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Runs a tool of the repository's own in its root. Answers what it prints, whatever its exit code. */
export function runTool(script: string, args: readonly string[]): Promise<string> {
  const options = { cwd: repositoryPath('.'), maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [repositoryPath(script), ...args], options, (error, stdout) => {
      // Having found something is a number; not having been run is none.
      if (error && typeof error.code !== 'number') {
        reject(new Error(`${script} could not be run`, { cause: error }));
      } else {
        resolve(stdout);
      }
    });
  });
}
