import { LIMITS } from '../../limits.ts';
import {
  DEFAULT_EXECUTION_POLICY,
  type ExecutionPolicy,
  type TerminationTask,
} from '../task-graph.ts';
import type { DocumentReader } from './document-reader.ts';
import { readStruct } from './read-struct.ts';
import {
  EXECUTION_POLICY,
  TDL_CONTEXT,
  TERMINATION_TASK,
  TIMEOUT_POLICY,
} from './task-graph-schema.ts';

/** Where the code of a task is found. */
export interface TaskFunction {
  readonly packageName: string;
  readonly functionName: string;
}

export function readTaskFunction(reader: DocumentReader): TaskFunction {
  let packageName = '';
  let functionName = '';
  readStruct(reader, TDL_CONTEXT, (field) => {
    if (field === 0) packageName = reader.readText('a package name', LIMITS.nameBytes);
    else functionName = reader.readText('a function name', LIMITS.nameBytes);
  });
  return { packageName, functionName };
}

/** A policy, or nothing where there is null. Whether its numbers make sense is not checked here. */
export function readPolicy(reader: DocumentReader): ExecutionPolicy | undefined {
  if (reader.takeNull()) return undefined;
  let { maxRetries, maxInstances, softTimeoutMs, hardTimeoutMs } = DEFAULT_EXECUTION_POLICY;
  const readTimeout = (field: number): void => {
    if (field === 0) softTimeoutMs = reader.readUint64('a soft timeout');
    else hardTimeoutMs = reader.readUint64('a hard timeout');
  };
  readStruct(reader, EXECUTION_POLICY, (field) => {
    if (field === 0) maxRetries = reader.readUint32('a number of retries');
    else if (field === 1) maxInstances = reader.readUint32('a number of instances');
    else readStruct(reader, TIMEOUT_POLICY, readTimeout);
  });
  return { maxRetries, maxInstances, softTimeoutMs, hardTimeoutMs };
}

/** A commit or cleanup task, or nothing where there is null. */
export function readTerminationTask(reader: DocumentReader): TerminationTask | undefined {
  if (reader.takeNull()) return undefined;
  let taskFunction: TaskFunction = { packageName: '', functionName: '' };
  let policy: Pick<TerminationTask, 'policy' | 'hasExplicitPolicy'> = {
    policy: DEFAULT_EXECUTION_POLICY,
  };
  readStruct(reader, TERMINATION_TASK, (field) => {
    if (field === 0) taskFunction = readTaskFunction(reader);
    else {
      const given = readPolicy(reader);
      if (given) policy = { policy: given, hasExplicitPolicy: true };
    }
  });
  return { ...taskFunction, ...policy };
}
