const NEWLINE = 0x0a;

/**
 * Cuts what a process writes into lines of a bounded length. A longer line ends with a mark that
 * says how much of it is missing.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  readonly #write: (lines: Buffer) => void;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #droppedBytes = 0;

  /**
   * @param maxLineBytes without the newline and the mark.
   * @param write takes one or more whole lines.
   */
  constructor(maxLineBytes: number, write: (lines: Buffer) => void) {
    this.#maxLineBytes = maxLineBytes;
    this.#write = write;
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
    if (lines.length > 0) this.#write(Buffer.concat(lines));
  }

  /** The process says nothing more: what it began of a line is one. */
  end(): void {
    if (this.#keptBytes > 0) this.#write(this.#takeLine());
  }

  #keep(part: Buffer): void {
    const room = this.#maxLineBytes - this.#keptBytes;
    const fitting = part.length > room ? part.subarray(0, room) : part;
    if (fitting.length > 0) this.#kept.push(fitting);
    this.#keptBytes += fitting.length;
    this.#droppedBytes += part.length - fitting.length;
  }

  #takeLine(): Buffer {
    const mark = this.#droppedBytes > 0 ? ` […${this.#droppedBytes} bytes cut]` : '';
    const line = Buffer.concat([...this.#kept, Buffer.from(`${mark}\n`)]);
    this.#kept = [];
    this.#keptBytes = 0;
    this.#droppedBytes = 0;
    return line;
  }
}
