import { type ChildProcess, spawn } from 'node:child_process';

export interface FinishedProcess {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A node process whose output is kept. */
export interface StartedProcess {
  readonly child: ChildProcess;
  readonly finished: Promise<FinishedProcess>;
  /** Resolves with all of stdout so far once it holds the text; rejects if the process ends first. */
  stdoutWith(text: string): Promise<string>;
}

export function startProcess(
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): StartedProcess {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  let stdout = '';
  let stderr = '';
  const finished = new Promise<FinishedProcess>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  return {
    child,
    finished,
    stdoutWith: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!stdout.includes(text)) return;
          listeners.delete(look);
          resolve(stdout);
        };
        listeners.add(look);
        look();
        child.once('error', reject);
        child.once('close', (code) => {
          reject(new Error(`ended with code ${code} before it said ${text}:\n${stdout}${stderr}`));
        });
      }),
  };
}

export const runProcess = (
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<FinishedProcess> => startProcess(args, options).finished;
