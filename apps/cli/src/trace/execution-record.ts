import { invalidArgument } from '@spider/core';

/** One execution of a trace task, in nanoseconds of the machine's monotonic clock. */
export interface TaskExecution {
  readonly index: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** Reads what the tasks of a trace noted in their record file, in the order in which they ended. */
export function parseExecutionRecord(text: string): TaskExecution[] {
  const executions: TaskExecution[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const match = /^(\d{1,9}) (\d{1,19}) (\d{1,19})$/.exec(line);
    if (match === null)
      throw invalidArgument(`the record has a damaged line: ${line.slice(0, 80)}`);
    const [, index, start, end] = match;
    executions.push({
      index: Number(index),
      start: BigInt(start ?? 0),
      end: BigInt(end ?? 0),
    });
  }
  return executions;
}
