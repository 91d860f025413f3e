import { assert } from '../../assert.ts';
import { LIMITS } from '../../limits.ts';
import type { TypeDescriptor } from '../../value/type-descriptor.ts';
import type { DocumentReader } from './document-reader.ts';
import { TypeReader } from './type-reader.ts';

/** Above every number that a type can have. */
const TYPE_NUMBERS = 2 ** 28;

/**
 * Reads the types of a task's inputs or outputs. Equal lists get the same number, and reading one
 * that was there before makes no object.
 */
export class TypeListReader {
  readonly #reader: DocumentReader;
  readonly #types: TypeReader;
  /** The number of each list by that of the list without its last type, and that type. */
  readonly #longer = new Map<number, number>();
  readonly #lists = new Map<number, readonly TypeDescriptor[]>();
  readonly #current: number[] = [];

  constructor(reader: DocumentReader) {
    this.#reader = reader;
    this.#types = new TypeReader(reader);
  }

  /** Answers the number of the list. */
  readList(what: string): number {
    const current = this.#current;
    current.length = 0;
    let list = 0;
    this.#reader.enterList(what);
    while (this.#reader.nextElement()) {
      if (current.length === LIMITS.slotsPerTask) {
        throw this.#reader.error(`${what} has more than ${LIMITS.slotsPerTask} types`);
      }
      const type = this.#types.readType();
      current.push(type);
      list = this.#append(list, type);
    }
    if (!this.#lists.has(list)) {
      this.#lists.set(
        list,
        current.map((type) => this.#types.type(type)),
      );
    }
    return list;
  }

  /** The list with a number that `readList` answered. */
  list(number: number): readonly TypeDescriptor[] {
    const list = this.#lists.get(number);
    assert(list !== undefined, `no list of types has the number ${number}`);
    return list;
  }

  #append(list: number, type: number): number {
    const key = list * TYPE_NUMBERS + type;
    let longer = this.#longer.get(key);
    if (longer === undefined) {
      longer = this.#longer.size + 1;
      this.#longer.set(key, longer);
    }
    return longer;
  }
}
