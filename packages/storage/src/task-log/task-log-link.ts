import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { TaskLogReadSchema } from '@spider/proto';
import type { TaskLogPiece, TaskLogQuery, TaskLogRead } from '@spider/proto';

/** What one read of a task's log brings. */
export interface TaskLogListener {
  piece(piece: TaskLogPiece): void;
  /** The stream has closed; no piece comes any more. */
  lost(): void;
}

/** A read that is under way at an execution manager. */
export interface OpenTaskLog {
  /** So many more pieces with lines are welcome. */
  grant(pieces: number): void;
  /** The instance has ended: no further lines are waited for. */
  finish(): void;
  /** Nothing more is wanted; the listener is told nothing more. */
  cancel(): void;
}

type QueryInit = Omit<TaskLogQuery, '$typeName' | '$unknown'>;

/** The reads of task logs on one Exchange stream. */
export class TaskLogLink {
  readonly #send: (read: TaskLogRead) => void;
  readonly #listeners = new Map<number, TaskLogListener>();
  #last = 0;

  constructor(send: (read: TaskLogRead) => void) {
    this.#send = send;
  }

  /** How many are under way. */
  get size(): number {
    return this.#listeners.size;
  }

  open(query: QueryInit, listener: TaskLogListener): OpenTaskLog {
    this.#last += 1;
    const read = this.#last;
    this.#listeners.set(read, listener);
    const send = (message: MessageInitShape<typeof TaskLogReadSchema>): void => {
      if (!this.#listeners.has(read)) return;
      this.#send(Object.assign(create(TaskLogReadSchema, message), { read }));
    };
    send({ query });
    return {
      grant: (credit) => send({ credit }),
      finish: () => send({ finish: true }),
      cancel: () => {
        send({ cancel: true });
        this.#listeners.delete(read);
      },
    };
  }

  /** A piece has come; one of a read that has ended is late. */
  take(piece: TaskLogPiece): void {
    const listener = this.#listeners.get(piece.read);
    if (piece.end) this.#listeners.delete(piece.read);
    listener?.piece(piece);
  }

  /** The stream has closed. */
  close(): void {
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener.lost();
  }
}
