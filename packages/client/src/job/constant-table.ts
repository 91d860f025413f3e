import { MsgpackWriter, type TaskGraphBuilder, type Type } from '@spider/core';

/** The constants of a graph. One that many tasks take is encoded and kept once. */
export class ConstantTable {
  readonly #builder: TaskGraphBuilder;
  readonly #writer = new MsgpackWriter();
  readonly #numbers = new Map<Type<unknown>, Map<unknown, number>>();

  constructor(builder: TaskGraphBuilder) {
    this.#builder = builder;
  }

  /**
   * The number of the constant.
   *
   * @throws SpiderError 'invalid-argument' if the value is not of the type.
   */
  add(type: Type<unknown>, value: unknown): number {
    // A Map takes 0 and −0 for the same key. What an object holds may change before it is seen again.
    if (typeof value === 'object' || Object.is(value, -0)) return this.#encode(type, value);
    let numbers = this.#numbers.get(type);
    if (numbers === undefined) {
      numbers = new Map();
      this.#numbers.set(type, numbers);
    }
    let number = numbers.get(value);
    if (number === undefined) {
      number = this.#encode(type, value);
      numbers.set(value, number);
    }
    return number;
  }

  #encode(type: Type<unknown>, value: unknown): number {
    this.#writer.clear();
    type.write(this.#writer, value);
    return this.#builder.addConstant(this.#writer.toBytes());
  }
}
