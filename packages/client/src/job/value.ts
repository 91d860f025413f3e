import type { NameOf, Type, Types, ValueOf } from '@spider/core';

/** Only in types: what a value of the graph will be when the job runs, and the name of its type. */
declare const held: unique symbol;
declare const named: unique symbol;

/** A value that exists once the job runs: an input of the job, or an output of one of its tasks. */
export interface Value<out T, Name extends string = string> {
  readonly [held]: T;
  /** A method, so that `Name` goes both ways where it is not known; see `Type`. */
  [named](name: Name): void;
}

/** What a task's input may come from: a value of the graph, or a plain value, which is a constant. */
export type Source<T, Name extends string = string> = Value<T, Name> | T;

/** A source for each of a list of types. */
export type Sources<Inputs extends Types> = {
  readonly [K in keyof Inputs]: Source<ValueOf<Inputs[K]>, NameOf<Inputs[K]>>;
};

/** A value of the graph for each of a list of types. */
export type Values<List extends Types> = {
  readonly [K in keyof List]: Value<ValueOf<List[K]>, NameOf<List[K]>>;
};

/** The positions of a tuple: `0 | 1` for two elements; any number if the length is not known. */
export type Position<List extends readonly unknown[]> = number extends List['length']
  ? number
  : Exclude<Partial<List>['length'], List['length']>;

/** A task in a graph. One that has a single output stands for that output. */
export type Task<Outputs extends Types = Types> = TaskHandle<Outputs> & SoleValue<Outputs>;

type SoleValue<Outputs extends Types> = Outputs extends readonly [
  infer Output extends Type<unknown>,
]
  ? Value<ValueOf<Output>, NameOf<Output>>
  : unknown;

export interface TaskHandle<Outputs extends Types = Types> {
  /** Its position in the task graph. */
  readonly index: number;

  /**
   * One of its outputs, counted from 0.
   *
   * @throws SpiderError 'invalid-argument' if it has no such output.
   */
  out<P extends Position<Outputs> & number>(
    position: P,
  ): Value<ValueOf<Outputs[P]>, NameOf<Outputs[P]>>;

  /**
   * Lets it wait until these tasks have succeeded, although it takes nothing from them.
   *
   * @returns the task itself.
   * @throws SpiderError 'invalid-argument' if one was added to the graph after it, or to another.
   */
  after(...tasks: readonly TaskHandle[]): this;
}
