import type { ValueType } from '../../value/type-descriptor.ts';

/*
 * The columnar form of a task graph, in order. Numbers are varints of 32 bits (LEB128) unless said
 * otherwise, text is UTF-8 behind its length in bytes.
 *
 *   magic "SPG", version byte, flags byte
 *   types        count; each: 1 if shared or 0, then the value type as a tag and what it holds
 *   kinds        count; each: package, function, policy, input types, output types
 *   job inputs   count; the type of each
 *   constants    count; the length of each; the bytes of all
 *   tasks        count; each: 2 · kind + (has ordering edges ? 1 : 0),
 *                a source for each input of the kind, and then, if it has ordering edges,
 *                their count and for each the distance back to the earlier task
 *   job outputs  if flagged: count; each as the zigzag difference from the slot before, plus one
 *   commit task  if flagged: package, function, policy
 *   cleanup task if flagged: package, function, policy
 *
 * A policy is 0 for the default, 1 and its four numbers, or 2, these and the retry delay. A type stands as its position among
 * the types. Sources are told apart by their first number, see `SourceToken`.
 *
 * Every type, kind, job input, constant, task, source and edge takes a byte at least. So what a
 * reader allocates is bounded by what it was given, whatever counts are claimed.
 */

export const MAGIC = Uint8Array.of(0x53, 0x50, 0x47);
export const FORMAT_VERSION = 1;

export const Flag = {
  CommitTask: 1,
  CleanupTask: 2,
  /** The job's outputs are chosen, not the default ones. */
  ChosenOutputs: 4,
} as const;

export const ALL_FLAGS = Flag.CommitTask | Flag.CleanupTask | Flag.ChosenOutputs;

/** The first number of a source. */
export const SourceToken = {
  /** The job input after the one that was used last; the first one to begin with. */
  NextJobInput: 0,
  /** The job input whose number follows. */
  JobInput: 1,
  /** The constant after the one that was used last; the first one to begin with. */
  NextConstant: 2,
  /** The constant whose number follows. */
  Constant: 3,
  /**
   * From here on: this plus 2 · (distance back to the task − 1), for its output 0; one more, and
   * the output's position follows, for any other.
   */
  FirstTask: 4,
} as const;

/** The value types by their tag. */
export const VALUE_TYPE_TAGS = [
  'int8',
  'int16',
  'int32',
  'int64',
  'float32',
  'float64',
  'boolean',
  'bytes',
  'struct',
  'list',
  'map',
] as const satisfies readonly ValueType['type'][];
