import { assert } from '@spider/core';
import type { InstanceLot } from './instance-lot.ts';

const CANCELLED = 1;
const SUSPECT = 2;

/**
 * A queue of instances in columns, open at both ends. Grows by doubling, never shrinks; whoever
 * fills it keeps it bounded.
 */
export class InstanceRing {
  #lots: (InstanceLot | undefined)[];
  #positions: Uint32Array;
  #workUs: Uint32Array;
  #flags: Uint8Array;
  #mask: number;
  #first = 0;
  #count = 0;

  constructor(capacity = 16) {
    this.#lots = Array.from({ length: capacity });
    this.#positions = new Uint32Array(capacity);
    this.#workUs = new Uint32Array(capacity);
    this.#flags = new Uint8Array(capacity);
    this.#mask = capacity - 1;
    assert((capacity & this.#mask) === 0, 'the capacity of a ring is a power of two');
  }

  get count(): number {
    return this.#count;
  }

  push(lot: InstanceLot, position: number, workUs: number): void {
    if (this.#count > this.#mask) this.#grow();
    this.#put((this.#first + this.#count) & this.#mask, lot, position, workUs, 0);
    this.#count += 1;
  }

  unshift(lot: InstanceLot, position: number, workUs: number): void {
    if (this.#count > this.#mask) this.#grow();
    this.#first = (this.#first - 1) & this.#mask;
    this.#put(this.#first, lot, position, workUs, 0);
    this.#count += 1;
  }

  /** As `unshift`, and marks the entry as one that may have ended a process. */
  unshiftSuspect(lot: InstanceLot, position: number): void {
    this.unshift(lot, position, 0);
    this.#flags[this.#first] = SUSPECT;
  }

  /** Forgets the first entry; read it with the `…At(0)` methods before. */
  dropFirst(): void {
    this.#lots[this.#first] = undefined;
    this.#first = (this.#first + 1) & this.#mask;
    this.#count -= 1;
  }

  /** Forgets the last entry. */
  dropLast(): void {
    this.#count -= 1;
    this.#lots[(this.#first + this.#count) & this.#mask] = undefined;
  }

  clear(): void {
    this.#lots.fill(undefined);
    this.#first = 0;
    this.#count = 0;
  }

  lotAt(index: number): InstanceLot {
    const lot = this.#lots[(this.#first + index) & this.#mask];
    assert(lot !== undefined && index < this.#count, 'no such entry in the ring');
    return lot;
  }

  positionAt(index: number): number {
    return this.#positions[(this.#first + index) & this.#mask] as number;
  }

  /** What the entry was taken to cost when it was put in. */
  workUsAt(index: number): number {
    return this.#workUs[(this.#first + index) & this.#mask] as number;
  }

  isCancelledAt(index: number): boolean {
    return ((this.#flags[(this.#first + index) & this.#mask] as number) & CANCELLED) !== 0;
  }

  cancelAt(index: number): void {
    const at = (this.#first + index) & this.#mask;
    this.#flags[at] = (this.#flags[at] as number) | CANCELLED;
  }

  isSuspectAt(index: number): boolean {
    return ((this.#flags[(this.#first + index) & this.#mask] as number) & SUSPECT) !== 0;
  }

  /** Forgets the entries that are cancelled and keeps the order of the others. */
  removeCancelled(): void {
    const count = this.#count;
    let kept = 0;
    for (let index = 0; index < count; index += 1) {
      if (this.isCancelledAt(index)) continue;
      if (kept !== index) this.#move(index, kept);
      kept += 1;
    }
    for (let index = kept; index < count; index += 1) {
      this.#lots[(this.#first + index) & this.#mask] = undefined;
    }
    this.#count = kept;
  }

  #put(at: number, lot: InstanceLot, position: number, workUs: number, flags: number): void {
    this.#lots[at] = lot;
    this.#positions[at] = position;
    this.#workUs[at] = workUs;
    this.#flags[at] = flags;
  }

  #move(from: number, to: number): void {
    this.#put(
      (this.#first + to) & this.#mask,
      this.lotAt(from),
      this.positionAt(from),
      this.workUsAt(from),
      this.#flags[(this.#first + from) & this.#mask] as number,
    );
  }

  #grow(): void {
    const old = { lots: this.#lots, positions: this.#positions, workUs: this.#workUs };
    const flags = this.#flags;
    const size = (this.#mask + 1) * 2;
    const order = Array.from({ length: this.#count }, (_, i) => (this.#first + i) & this.#mask);
    this.#lots = Array.from({ length: size });
    this.#positions = new Uint32Array(size);
    this.#workUs = new Uint32Array(size);
    this.#flags = new Uint8Array(size);
    order.forEach((from, to) => {
      this.#lots[to] = old.lots[from];
      this.#positions[to] = old.positions[from] as number;
      this.#workUs[to] = old.workUs[from] as number;
      this.#flags[to] = flags[from] as number;
    });
    this.#first = 0;
    this.#mask = size - 1;
  }
}
