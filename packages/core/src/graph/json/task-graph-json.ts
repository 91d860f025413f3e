import { invalidArgument } from '../../error.ts';
import { LIMITS } from '../../limits.ts';
import { readTaskGraph } from '../document/read-task-graph.ts';
import { writeTaskGraph } from '../document/write-task-graph.ts';
import type { TaskGraph } from '../task-graph.ts';
import { inContext } from '../task-kind-table.ts';
import { JsonReader } from './json-reader.ts';
import { JsonWriter } from './json-writer.ts';

/**
 * Reads a task graph in the reference's JSON, schema 0.1.0, from any hand. The job's inputs are those
 * of the tasks without input sources, in order.
 *
 * @throws SpiderError 'invalid-argument' saying where the text, or which task, is wrong.
 */
export function parseTaskGraphJson(bytes: Uint8Array): TaskGraph {
  if (bytes.length > LIMITS.submissionBytes) {
    throw invalidArgument(
      `task graph JSON: it has ${bytes.length} bytes, more than ${LIMITS.submissionBytes}`,
    );
  }
  const reader = new JsonReader(bytes);
  try {
    if (!reader.isMap()) throw reader.error('a task graph must be an object');
    return readTaskGraph(reader);
  } catch (error) {
    throw inContext('task graph JSON', error);
  }
}

/**
 * Writes a task graph in the reference's JSON, schema 0.1.0, byte for byte as the reference does.
 *
 * @throws SpiderError 'invalid-argument' naming the task that has what this schema lacks: constants,
 * ordering edges, inputs of the job beside such from tasks, or shared or in another order; or if the
 * job's outputs are not the default ones. 'resource-exhausted' if the text would be longer than
 * `LIMITS.submissionBytes`.
 */
export function writeTaskGraphJson(graph: TaskGraph): Uint8Array<ArrayBuffer> {
  const writer = new JsonWriter();
  writeTaskGraph(writer, graph);
  return writer.toBytes();
}
