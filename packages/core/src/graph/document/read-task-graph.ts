import { invalidArgument } from '../../error.ts';
import { TaskGraphBuilder } from '../task-graph-builder.ts';
import type { TaskGraph, TerminationTask } from '../task-graph.ts';
import { inContext } from '../task-kind-table.ts';
import type { DocumentReader } from './document-reader.ts';
import { readStruct } from './read-struct.ts';
import { readTerminationTask } from './read-task-code.ts';
import { checkSchemaVersion } from './schema-version.ts';
import { GRAPH } from './task-graph-schema.ts';
import { TaskReader } from './task-reader.ts';

const [VERSION, TASKS, COMMIT_TASK, CLEANUP_TASK] = [0, 1, 2, 3] as const;

/** A version is a few characters; what is longer than this is none. */
const VERSION_BYTES_MAX = 256;

/**
 * Reads a whole document as a task graph of the reference. Of several mistakes the same one is told
 * as by the reference: the text as a whole, the version, the commit task, the cleanup task, their
 * policies, the tasks one by one, and last the rules that tasks obey.
 *
 * @throws SpiderError 'invalid-argument' saying where the text, or which task, is wrong.
 */
export function readTaskGraph(reader: DocumentReader): TaskGraph {
  const starts = findFields(reader);
  const builder = new TaskGraphBuilder();
  seekField(reader, starts, VERSION);
  // Missing tasks are told even before a version that does not fit.
  seekField(reader, starts, TASKS);
  seekField(reader, starts, VERSION);
  checkSchemaVersion(readVersion(reader));
  const commitTask = readTerminationField(reader, starts, COMMIT_TASK);
  const cleanupTask = readTerminationField(reader, starts, CLEANUP_TASK);
  if (commitTask) builder.setCommitTask(commitTask);
  if (cleanupTask) builder.setCleanupTask(cleanupTask);
  seekField(reader, starts, TASKS);
  new TaskReader(reader, builder).readTasks();
  return builder.build();
}

/** Goes over the document once, and answers where the value of each field starts. */
function findFields(reader: DocumentReader): readonly (number | undefined)[] {
  const starts: (number | undefined)[] = GRAPH.names.map(() => undefined);
  readStruct(reader, GRAPH, (field) => {
    starts[field] = reader.position;
    reader.skipValue();
  });
  reader.expectEnd();
  return starts;
}

function seekField(
  reader: DocumentReader,
  starts: readonly (number | undefined)[],
  field: number,
): void {
  const start = starts[field];
  if (start === undefined) {
    throw invalidArgument(`missing field \`${GRAPH.names[field]}\` of ${GRAPH.what}`);
  }
  reader.seek(start);
}

function readVersion(reader: DocumentReader): string {
  try {
    return reader.readText('a semantic version', VERSION_BYTES_MAX);
  } catch (error) {
    throw inContext('invalid task graph schema version', error);
  }
}

function readTerminationField(
  reader: DocumentReader,
  starts: readonly (number | undefined)[],
  field: typeof COMMIT_TASK | typeof CLEANUP_TASK,
): TerminationTask | undefined {
  seekField(reader, starts, field);
  try {
    return readTerminationTask(reader);
  } catch (error) {
    throw inContext(field === COMMIT_TASK ? 'commit task' : 'cleanup task', error);
  }
}
