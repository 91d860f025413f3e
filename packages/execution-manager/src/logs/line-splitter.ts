const NEWLINE = 0x0a;

/**
 * Cuts what a process writes into lines of a bounded length. A longer line ends with a mark that
 * says how much of it is missing.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  readonly #take: (lines: readonly Buffer[]) => void;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #droppedBytes = 0;

  /**
   * @param maxLineBytes without the mark.
   * @param take takes one or more whole lines, without their newlines; valid only during the call.
   */
  constructor(maxLineBytes: number, take: (lines: readonly Buffer[]) => void) {
    this.#maxLineBytes = maxLineBytes;
    this.#take = take;
  }

  push(chunk: Buffer): void {
    const lines: Buffer[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#keep(chunk.subarray(start, end));
      lines.push(this.#takeLine());
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    if (lines.length > 0) this.#take(lines);
  }

  /** The process says nothing more: what it began of a line is one. */
  end(): void {
    if (this.#keptBytes > 0) this.#take([this.#takeLine()]);
  }

  #keep(part: Buffer): void {
    const room = this.#maxLineBytes - this.#keptBytes;
    const fitting = part.length > room ? part.subarray(0, room) : part;
    if (fitting.length > 0) this.#kept.push(fitting);
    this.#keptBytes += fitting.length;
    this.#droppedBytes += part.length - fitting.length;
  }

  #takeLine(): Buffer {
    const [first] = this.#kept;
    const isWhole = this.#kept.length === 1 && this.#droppedBytes === 0 && first !== undefined;
    const mark = this.#droppedBytes > 0 ? ` […${this.#droppedBytes} bytes cut]` : '';
    const line = isWhole ? first : Buffer.concat([...this.#kept, Buffer.from(mark)]);
    this.#kept = [];
    this.#keptBytes = 0;
    this.#droppedBytes = 0;
    return line;
  }
}
