/*
 * Task graphs as JSON, put together from text, so that any part of it may be wrong.
 */

export const int64 = '{"Value":{"Primitive":{"Int":"Int64"}}}';
export const float64 = '{"Value":{"Primitive":{"Float":"Float64"}}}';

/** A graph without tasks, but for the fields that are given. */
export function graphText({
  version = '"0.1.0"',
  tasks = '[]',
  commitTask = 'null',
  cleanupTask = 'null',
} = {}): string {
  return `{"schema_version":${version},"tasks":${tasks},"commit_task":${commitTask},"cleanup_task":${cleanupTask}}`;
}

/**
 * A task of the function f in the package p.
 *
 * @param more fields with a comma behind each.
 */
export const taskText = (inputs: string, outputs: string, sources = 'null', more = ''): string =>
  `{"tdl_context":{"package":"p","task_func":"f"},${more}"inputs":[${inputs}],"outputs":[${outputs}],"input_sources":${sources}}`;

/** Input sources, of which each is given by its task and position. */
export const sourcesText = (...pairs: [number | string, number | string][]): string =>
  `[${pairs.map(([task, position]) => `{"task_idx":${task},"position":${position}}`).join()}]`;

/** A policy of retries, instances, soft and hard timeout. */
export const policyText = (
  ...[retries, instances, soft, hard]: [number, number, number, number]
): string =>
  `{"max_num_retry":${retries},"max_num_instances":${instances},"timeout_policy":{"soft_timeout_ms":${soft},"hard_timeout_ms":${hard}}}`;
