import { invalidArgument } from '../../error.ts';
import { LIMITS } from '../../limits.ts';
import { readTaskGraph } from '../document/read-task-graph.ts';
import { writeTaskGraph } from '../document/write-task-graph.ts';
import type { TaskGraph } from '../task-graph.ts';
import { inContext } from '../task-kind-table.ts';
import { MsgpackDocumentReader } from './msgpack-document-reader.ts';
import { MsgpackDocumentWriter } from './msgpack-document-writer.ts';

/**
 * Encodes a task graph in MessagePack with the structure of the reference's JSON, and named fields.
 *
 * @throws SpiderError as `writeTaskGraphJson` does.
 */
export function encodeTaskGraphMsgpack(graph: TaskGraph): Uint8Array<ArrayBuffer> {
  const writer = new MsgpackDocumentWriter();
  writeTaskGraph(writer, graph);
  return writer.toBytes();
}

/**
 * Reads a task graph in MessagePack, by the rules of `parseTaskGraphJson`. A struct may be a map of
 * its fields or an array of them.
 *
 * @throws SpiderError 'invalid-argument' saying what in the bytes, or which task, is wrong.
 */
export function decodeTaskGraphMsgpack(bytes: Uint8Array): TaskGraph {
  if (bytes.length > LIMITS.submissionBytes) {
    throw invalidArgument(
      `task graph in MessagePack: it has ${bytes.length} bytes, more than ${LIMITS.submissionBytes}`,
    );
  }
  try {
    return readTaskGraph(new MsgpackDocumentReader(bytes));
  } catch (error) {
    throw inContext('task graph in MessagePack', error);
  }
}
