import type { StructFields } from './read-struct.ts';

/*
 * The structures of the reference's task graphs, schema 0.1.0, with their fields in order of
 * declaration: they are written in that order. Enums are tagged externally.
 */

export const GRAPH = {
  what: 'a task graph',
  names: ['schema_version', 'tasks', 'commit_task', 'cleanup_task'],
  // All are, but which one is missed first is a matter of precedence.
  required: 0,
  unknown: 'refused',
} as const satisfies StructFields;

export const TASK = {
  what: 'a task',
  names: ['tdl_context', 'execution_policy', 'inputs', 'outputs', 'input_sources'],
  required: 0b1101,
} as const satisfies StructFields;

export const TERMINATION_TASK = {
  what: 'a termination task',
  names: ['tdl_context', 'execution_policy'],
  required: 0b01,
} as const satisfies StructFields;

export const TDL_CONTEXT = {
  what: 'a TDL context',
  names: ['package', 'task_func'],
  required: 0b11,
} as const satisfies StructFields;

export const EXECUTION_POLICY = {
  what: 'an execution policy',
  names: ['max_num_retry', 'max_num_instances', 'timeout_policy'],
  required: 0b011,
} as const satisfies StructFields;

export const TIMEOUT_POLICY = {
  what: 'a timeout policy',
  names: ['soft_timeout_ms', 'hard_timeout_ms'],
  required: 0b11,
} as const satisfies StructFields;

export const INPUT_SOURCE = {
  what: 'an input source',
  names: ['task_idx', 'position'],
  required: 0b11,
} as const satisfies StructFields;

export const MAP_TYPE = {
  what: 'a map type',
  names: ['key', 'value'],
  required: 0b11,
} as const satisfies StructFields;

export const BYTES_TYPE = {
  what: 'the bytes type',
  names: [],
  required: 0,
} as const satisfies StructFields;

export const DATA_TYPES = ['Value', 'SharedValue'] as const;
export const VALUE_TYPES = ['Primitive', 'Bytes', 'Struct', 'List', 'Map'] as const;
export const PRIMITIVE_TYPES = ['Int', 'Float', 'Boolean'] as const;
export const KEY_TYPES = ['Int', 'Bytes'] as const;
export const INT_TYPES = ['Int8', 'Int16', 'Int32', 'Int64'] as const;
export const FLOAT_TYPES = ['Float32', 'Float64'] as const;
