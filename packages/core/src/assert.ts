/** A bug in Spider itself: a state that its own rules exclude. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * Guards against bugs, never against input: what arrives from outside is answered with a SpiderError.
 *
 * @throws InvariantError with the message if the condition does not hold.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
