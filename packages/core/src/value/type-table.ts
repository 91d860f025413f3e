import { formatType } from './type-equality.ts';
import type { TypeDescriptor } from './type-descriptor.ts';

/** Gives equal types the same small number, so that comparing types is comparing numbers. */
export class TypeTable {
  readonly #types: TypeDescriptor[] = [];
  readonly #byIdentity = new Map<TypeDescriptor, number>();
  readonly #byText = new Map<string, number>();

  /** One descriptor of each type, in order of their numbers. */
  get types(): readonly TypeDescriptor[] {
    return this.#types;
  }

  /** The number of this very descriptor, if it was interned before. Cheaper than `intern`. */
  find(descriptor: TypeDescriptor): number | undefined {
    return this.#byIdentity.get(descriptor);
  }

  /** The number of the type. Numbers are given out from 0. */
  intern(descriptor: TypeDescriptor): number {
    const known = this.#byIdentity.get(descriptor);
    if (known !== undefined) return known;
    const text = formatType(descriptor);
    let number = this.#byText.get(text);
    if (number === undefined) {
      number = this.#types.push(descriptor) - 1;
      this.#byText.set(text, number);
    }
    this.#byIdentity.set(descriptor, number);
    return number;
  }
}
