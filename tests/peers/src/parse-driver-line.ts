import { PEER_WORKLOADS, type PeerResult } from './peer-result.ts';

export type DriverLine = Pick<PeerResult, 'workload' | 'measured' | 'cannot'>;

/**
 * Reads what a driver says of a workload, one line of JSON.
 *
 * @returns undefined for anything else, such as what a library prints.
 */
export function parseDriverLine(line: string): DriverLine | undefined {
  if (!line.startsWith('{"workload":')) return undefined;
  const { workload, tasks, seconds, cannot } = JSON.parse(line) as {
    readonly workload: string;
    readonly tasks?: number;
    readonly seconds?: readonly number[];
    readonly cannot?: string;
  };
  if (!PEER_WORKLOADS.some((name) => name === workload)) {
    throw new Error(`a driver speaks of a workload ${workload}`);
  }
  if (cannot !== undefined) return { workload, cannot };
  if (tasks === undefined || seconds === undefined || seconds.length === 0) {
    throw new Error(`a driver says neither what it measured nor why not: ${line}`);
  }
  return { workload, measured: { tasks, seconds } };
}
