/** Something that a heap can find again without searching. */
export interface HeapItem {
  /** Kept by the heap that the item is in; −1 while it is in none. */
  heapPosition: number;
}

/** Keeps what goes first at hand; an item enters, leaves and changes its rank in logarithmic time. */
export class IndexedHeap<Item extends HeapItem> {
  readonly #items: Item[] = [];
  readonly #goesBefore: (one: Item, other: Item) => boolean;

  /** @param goesBefore a strict order of the items; equal ones go first in any order. */
  constructor(goesBefore: (one: Item, other: Item) => boolean) {
    this.#goesBefore = goesBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  /** What goes first; undefined if there is nothing. */
  get first(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    item.heapPosition = this.#items.length;
    this.#items.push(item);
    this.#up(item);
  }

  /** Takes an item out that is here. */
  remove(item: Item): void {
    const last = this.#items.pop();
    if (last !== undefined && last !== item) {
      last.heapPosition = item.heapPosition;
      this.#items[last.heapPosition] = last;
      this.moved(last);
    }
    item.heapPosition = -1;
  }

  /** What the order depends on has changed for an item that is here. */
  moved(item: Item): void {
    this.#up(item);
    this.#down(item);
  }

  #up(item: Item): void {
    const items = this.#items;
    let at = item.heapPosition;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = items[above] as Item;
      if (!this.#goesBefore(item, parent)) break;
      items[at] = parent;
      parent.heapPosition = at;
      at = above;
    }
    items[at] = item;
    item.heapPosition = at;
  }

  #down(item: Item): void {
    const items = this.#items;
    const { length } = items;
    let at = item.heapPosition;
    for (let below = 2 * at + 1; below < length; below = 2 * at + 1) {
      const left = items[below] as Item;
      const right = items[below + 1];
      const child = right !== undefined && this.#goesBefore(right, left) ? right : left;
      if (!this.#goesBefore(child, item)) break;
      const free = child.heapPosition;
      items[at] = child;
      child.heapPosition = at;
      at = free;
    }
    items[at] = item;
    item.heapPosition = at;
  }
}
