import type { PlainMessage } from '../schema.ts';
import type { Draw } from './draw.ts';

/** So many values of a kind are remembered, the latest. */
const REMEMBERED = 24;

const NEW = 4;

/** An instance that was issued, as reports name it. */
export interface KnownInstance {
  readonly jobId: string;
  /** By number; commit and cleanup tasks have the two highest. */
  readonly taskIndex: number;
  readonly instance: string;
  readonly executionManagerId: string;
}

/** Fields that hold what other fields are called by. */
const ALIASES: Readonly<Record<string, string>> = {
  endedJobIds: 'jobId',
  retryOfJobId: 'jobId',
  nextPageToken: 'pageToken',
  flushedReportSequence: 'reportSequence',
};

/**
 * What answers have told: ids, tokens and numbers, by the names of their fields. Requests are made of
 * them, so that most are of something that exists.
 */
export class KnownValues {
  readonly #byField = new Map<string, unknown[]>();
  readonly #instances: KnownInstance[] = [];
  /** The highest job id so far. */
  lastJobId = 0;

  add(field: string, value: unknown): void {
    const name = ALIASES[field] ?? field;
    let values = this.#byField.get(name);
    if (values === undefined) this.#byField.set(name, (values = []));
    values.push(value);
    if (values.length > REMEMBERED) values.shift();
  }

  addInstance(instance: KnownInstance): void {
    this.#instances.push(instance);
    if (this.#instances.length > REMEMBERED) this.#instances.shift();
  }

  /** A value for a field; undefined if none is known. */
  pick(draw: Draw, field: string): unknown {
    const values = this.#byField.get(ALIASES[field] ?? field) ?? [];
    if (values.length === 0) return undefined;
    // What is new is alive.
    return draw.pick(draw.chance(0.7) ? values.slice(-NEW) : values);
  }

  /** A known id or number; the first that could be issued if none is known. */
  pickId(draw: Draw, field: string): string {
    const value = this.pick(draw, field);
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '1';
  }

  pickInstance(draw: Draw): KnownInstance | undefined {
    return this.#instances.length === 0 ? undefined : draw.pick(this.#instances);
  }

  /** Takes all that an answer has. */
  learn(message: PlainMessage): void {
    const { jobId } = message as { readonly jobId?: string };
    // Deeper inside it may be one that a hostile request had named.
    if (jobId !== undefined) this.lastJobId = Math.max(this.lastJobId, Number(jobId));
    this.#learnFields(message);
  }

  #learnFields(message: PlainMessage): void {
    for (const [field, value] of Object.entries(message)) this.#learn(field, value);
  }

  #learn(field: string, value: unknown): void {
    if (Array.isArray(value)) {
      for (const each of value.slice(0, REMEMBERED)) this.#learn(field, each);
    } else if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
      this.#learnFields(value as PlainMessage);
    } else if (isWorthKnowing(field)) {
      this.add(field, value);
    }
  }
}

const isWorthKnowing = (field: string): boolean =>
  /(Id|Ids|Token|Sequence|Base|Batch|Index|Indexes|Offsets|Key|Version)$/.test(field);
