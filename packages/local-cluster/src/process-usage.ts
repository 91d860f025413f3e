import { readdir, readFile } from 'node:fs/promises';

/** What a process has used so far. */
export interface ProcessUsage {
  /** On a processor, over all its threads, in microseconds. */
  readonly cpuUs: number;
  /** The memory it holds, in KiB. */
  readonly memoryKib: number;
  /** The most memory it has held, in KiB. */
  readonly peakMemoryKib: number;
}

/** Reads a process's usage from the kernel; undefined where there is no /proc, or no such process. */
export async function readProcessUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const times = await Promise.all(threads.map((thread) => threadCpuNs(pid, thread)));
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    return {
      cpuUs: Math.round(times.reduce((sum, time) => sum + time, 0) / 1000),
      memoryKib: memoryKib(status, 'VmRSS'),
      peakMemoryKib: memoryKib(status, 'VmHWM'),
    };
  } catch {
    return undefined;
  }
}

function memoryKib(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
}

/** The children that a process has now; empty where there is no /proc. */
export async function childProcessIds(pid: number): Promise<readonly number[]> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const lists = await Promise.all(
      threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'latin1')),
    );
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  } catch {
    return [];
  }
}

/** A thread may end between the listing and the look. */
async function threadCpuNs(pid: number, thread: string): Promise<number> {
  const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').catch(() => '0');
  return Number(text.split(' ')[0]);
}
