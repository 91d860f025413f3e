/** Ends the process with a code and a text for the person who started it, and no log line. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exitCode: number;

  /** The text goes to stdout for code 0, else to stderr. */
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
