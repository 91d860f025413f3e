/** Lines kept for a report. */
const KEPT_LINES = 400;

/** What has happened in a world, as a number that is the same if all of it was, and its last lines. */
export class Trace {
  #a = 0x811c_9dc5;
  #b = 0x1234_5678;
  #lines: string[] = [];
  #count = 0;
  readonly #print: ((line: string) => void) | undefined;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  get hash(): string {
    return [this.#a, this.#b].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** Events so far. */
  get length(): number {
    return this.#count;
  }

  get lastLines(): readonly string[] {
    return this.#lines;
  }

  add(nowMs: number, text: string): void {
    const line = `${(nowMs - 1_700_000_000_000).toFixed(3)} ${text}`;
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at);
      this.#a = Math.imul(this.#a ^ code, 0x0100_0193);
      this.#b = Math.imul(this.#b ^ code, 0x85eb_ca6b) ^ (this.#b >>> 13);
    }
    this.#count += 1;
    this.#print?.(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * KEPT_LINES) this.#lines = this.#lines.slice(-KEPT_LINES);
  }
}
