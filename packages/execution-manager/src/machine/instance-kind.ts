import { encodeExecutePrefix } from '@spider/core';
import { TypicalLength } from './typical-length.ts';

/** What instances of the same function and limit have in common. */
export interface InstanceKind {
  readonly packageName: string;
  readonly functionName: string;
  readonly hardTimeoutMs: number;
  /** How requests for them begin. */
  readonly requestPrefix: Uint8Array;
  /** As `requestPrefix`, with the limit in it, for executors with extensions. */
  readonly extendedPrefix: Uint8Array;
  /** How long they take. */
  readonly length: TypicalLength;
}

const KINDS_MAX = 4096;

/** The kinds of instance that were seen last; bounded, the oldest are forgotten. */
export class InstanceKinds {
  readonly #byName = new Map<string, InstanceKind>();

  of(packageName: string, functionName: string, hardTimeoutMs: number): InstanceKind {
    const name = `${packageName}\0${functionName}\0${hardTimeoutMs}`;
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const kind: InstanceKind = {
      packageName,
      functionName,
      hardTimeoutMs,
      requestPrefix: encodeExecutePrefix(packageName, functionName),
      extendedPrefix: encodeExecutePrefix(packageName, functionName, hardTimeoutMs),
      length: new TypicalLength(),
    };
    if (this.#byName.size >= KINDS_MAX) this.#forgetOldest();
    this.#byName.set(name, kind);
    return kind;
  }

  #forgetOldest(): void {
    const oldest = this.#byName.keys().next();
    if (oldest.done !== true) this.#byName.delete(oldest.value);
  }
}
