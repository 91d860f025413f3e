import { readFileSync } from 'node:fs';

/** Linux tells memory in pages of this size on all machines that Node runs on but a few. */
const PAGE_BYTES = 4096;
/** Of the processes that one has started; more are a flood of another kind. */
const PROCESSES_MAX = 256;

/**
 * The memory that a process and all that it has started hold now, in bytes. 0 where there is no
 * /proc, or no such process.
 */
export function memoryUse(pid: number): number {
  let bytes = 0;
  const pids = [pid];
  for (let i = 0; i < pids.length && i < PROCESSES_MAX; i += 1) {
    const each = String(pids[i]);
    bytes += Number(read(`/proc/${each}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES;
    pids.push(
      ...read(`/proc/${each}/task/${each}/children`).split(' ').filter(Boolean).map(Number),
    );
  }
  return bytes;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
