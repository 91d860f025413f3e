const SMALLEST_RING = 16;

/**
 * A double-ended queue of runs: so and so many of one thing in a row. Neighbours of the same thing
 * join, and a run costs no object: things and counts lie in two rings that double when full.
 */
export class RunQueue<Thing> {
  #things: (Thing | undefined)[] = new Array<undefined>(SMALLEST_RING).fill(undefined);
  #counts = new Uint32Array(SMALLEST_RING);
  #head = 0;
  #runs = 0;

  /** How many runs there are. */
  get runs(): number {
    return this.#runs;
  }

  push(thing: Thing, count: number): void {
    if (this.#runs > 0) {
      const last = (this.#head + this.#runs - 1) & (this.#counts.length - 1);
      if (this.#things[last] === thing) {
        this.#counts[last] = (this.#counts[last] ?? 0) + count;
        return;
      }
    }
    this.#grow();
    this.#put((this.#head + this.#runs) & (this.#counts.length - 1), thing, count);
  }

  unshift(thing: Thing, count: number): void {
    if (this.#runs > 0 && this.#things[this.#head] === thing) {
      this.#counts[this.#head] = (this.#counts[this.#head] ?? 0) + count;
      return;
    }
    this.#grow();
    this.#head = (this.#head - 1) & (this.#counts.length - 1);
    this.#put(this.#head, thing, count);
  }

  /** What the first run is of; undefined if there is none. */
  first(): Thing | undefined {
    return this.#things[this.#head];
  }

  /** Shortens the first run. Answers by how much: `limit`, or all of it if that is less. */
  takeFirst(limit: number): number {
    const count = this.#counts[this.#head] ?? 0;
    if (count > limit) {
      this.#counts[this.#head] = count - limit;
      return limit;
    }
    this.#things[this.#head] = undefined;
    this.#counts[this.#head] = 0;
    this.#head = (this.#head + 1) & (this.#counts.length - 1);
    this.#runs -= 1;
    return count;
  }

  /** Takes out every run of a thing; walks the whole queue. */
  remove(thing: Thing): void {
    const things = this.#things;
    const counts = this.#counts;
    const mask = counts.length - 1;
    const runs = this.#runs;
    this.#runs = 0;
    for (let at = 0; at < runs; at++) {
      const from = (this.#head + at) & mask;
      const moved = things[from];
      const count = counts[from] ?? 0;
      things[from] = undefined;
      counts[from] = 0;
      if (moved !== undefined && moved !== thing) this.push(moved, count);
    }
  }

  #put(at: number, thing: Thing, count: number): void {
    this.#things[at] = thing;
    this.#counts[at] = count;
    this.#runs += 1;
  }

  #grow(): void {
    const length = this.#counts.length;
    if (this.#runs < length) return;
    const things = this.#things;
    const counts = this.#counts;
    this.#things = [...things.slice(this.#head), ...things.slice(0, this.#head)];
    this.#things.length = length * 2;
    this.#things.fill(undefined, length);
    this.#counts = new Uint32Array(length * 2);
    this.#counts.set(counts.subarray(this.#head));
    this.#counts.set(counts.subarray(0, this.#head), length - this.#head);
    this.#head = 0;
  }
}
