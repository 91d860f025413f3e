import {
  type JobId,
  JobState,
  jobStateName,
  parseId,
  TaskState,
  taskStateName,
} from '@spider/core';
import { InvalidArgumentError } from 'commander';

/** Reads a job's id. */
export function jobIdArgument(text: string): JobId {
  try {
    return parseId<JobId>(text);
  } catch {
    throw new InvalidArgumentError(
      'It must be the id of a job, such as 42; `spider jobs` lists them.',
    );
  }
}

/** `key=value`, given any number of times. */
export function labelOption(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be a name and a value, such as team=vision.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** The name of a state, in any case, given any number of times. */
function stateOption<State extends number>(
  states: readonly State[],
  nameOf: (state: State) => string,
): (text: string, before?: readonly State[]) => readonly State[] {
  return (text, before = []) => {
    const wanted = text.toUpperCase();
    const state = states.find((each) => nameOf(each) === wanted);
    if (state !== undefined) return [...before, state];
    throw new InvalidArgumentError(`It must be one of ${states.map(nameOf).join(', ')}.`);
  };
}

export const jobStateOption = stateOption(Object.values(JobState), jobStateName);
export const taskStateOption = stateOption(Object.values(TaskState), taskStateName);
