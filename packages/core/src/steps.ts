/**
 * Work that can be interrupted: each `yield` is a place where others may have their turn. Whoever runs
 * it decides whether they get one.
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Runs the work without interruption. */
export function runSteps<T>(steps: Steps<T>): T {
  for (;;) {
    const result = steps.next();
    if (result.done === true) return result.value;
  }
}
