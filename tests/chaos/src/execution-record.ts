import { readFile } from 'node:fs/promises';

/** One execution, as its task noted it. Times are milliseconds of the machine's monotonic clock. */
export interface Execution {
  /** The line it was noted in. */
  readonly line: number;
  readonly jobId: string;
  readonly task: number;
  readonly instance: number;
  readonly managerPid: number;
  readonly executorPid: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly succeeded: boolean;
}

/** @throws Error naming the line that is damaged. */
export async function readExecutions(file: string): Promise<Execution[]> {
  const text = await readFile(file, 'latin1').catch(() => '');
  return text.split('\n').flatMap((line, index) => (line === '' ? [] : [parse(line, index + 1)]));
}

function parse(text: string, line: number): Execution {
  const match = /^(\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) ([SF])$/.exec(text);
  if (match === null)
    throw new Error(`the record's line ${line} is damaged: ${text.slice(0, 120)}`);
  const [, jobId = '', task, instance, managerPid, executorPid, start, end, outcome] = match;
  return {
    line,
    jobId,
    task: Number(task),
    instance: Number(instance),
    managerPid: Number(managerPid),
    executorPid: Number(executorPid),
    startMs: Number(start) / 1e6,
    endMs: Number(end) / 1e6,
    succeeded: outcome === 'S',
  };
}

/** Now, on the clock that executions are noted by. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
