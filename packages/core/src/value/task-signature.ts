import type { ExecutionPolicy } from '../graph/task-graph.ts';
import type { Types } from './type.ts';

/** What has to be known of a task to put it into a graph; its code may be elsewhere. */
export interface TaskSignature<Inputs extends Types = Types, Outputs extends Types = Types> {
  readonly packageName: string;
  readonly functionName: string;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  readonly policy: ExecutionPolicy;
}
