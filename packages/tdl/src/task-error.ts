const BRAND = Symbol.for('spider.tdl.task-error');

export interface TaskErrorOptions {
  /** Whether the task may be tried again, within its policy. Default: true. */
  readonly retry?: boolean;
  readonly cause?: unknown;
}

/**
 * What a task throws to fail with a message of its own. Any other error fails it too, and may be tried
 * again; this one can say that trying again is pointless: `new TaskError('no such user', { retry: false })`.
 */
export class TaskError extends Error {
  override readonly name = 'TaskError';
  readonly [BRAND] = true;
  readonly retry: boolean;

  constructor(message: string, options: TaskErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.retry = options.retry ?? true;
  }

  /** Also true for errors of another copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}
