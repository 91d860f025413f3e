import { LIMITS, type TaskGraph } from '@spider/core';

/** A kind of task by name, as limits name it. */
const kindName = (kind: { readonly packageName: string; readonly functionName: string }): string =>
  `${kind.packageName}/${kind.functionName}`;

/** The kinds of one job's tasks of which only so many may be out at a time; see `ReadyQueue`. */
export class LimitedKinds {
  /** The name of each list's kind but the first list's, which has all tasks without limit. */
  readonly names: readonly string[];
  /** The list of each row. */
  readonly listOf: Uint8Array;
  /** By list, how many tasks run. */
  readonly running: Uint32Array;

  private constructor(names: readonly string[], listOf: Uint8Array) {
    this.names = names;
    this.listOf = listOf;
    this.running = new Uint32Array(names.length + 1);
  }

  /** Undefined if no task of the graph is of a limited kind, as most are not. */
  static of(graph: TaskGraph, limited: ReadonlySet<string>): LimitedKinds | undefined {
    if (limited.size === 0) return undefined;
    const names: string[] = [];
    const lists = graph.kinds.map((kind) => {
      const name = kindName(kind);
      if (!limited.has(name)) return 0;
      const known = names.indexOf(name);
      return known === -1 ? names.push(name) : known + 1;
    });
    if (names.length === 0) return undefined;
    const listOf = new Uint8Array(graph.taskCount + LIMITS.terminationTasks);
    for (let row = 0; row < graph.taskCount; row++) {
      listOf[row] = lists[graph.taskKind[row] as number] as number;
    }
    return new LimitedKinds(names, listOf);
  }

  moved(row: number, change: number): void {
    const list = this.listOf[row] as number;
    this.running[list] = (this.running[list] as number) + change;
  }
}
