/**
 * The types of task inputs and outputs, as the reference's task graphs name them. Plain data: two
 * descriptors denote the same type exactly when they are structurally equal.
 */
export type IntName = 'int8' | 'int16' | 'int32' | 'int64';
export type FloatName = 'float32' | 'float64';

export type ValueType =
  | { readonly type: IntName | FloatName | 'boolean' | 'bytes' }
  /** By name only: its fields are the business of the code at both ends. Never empty. */
  | { readonly type: 'struct'; readonly name: string }
  | { readonly type: 'list'; readonly element: ValueType }
  | { readonly type: 'map'; readonly key: MapKeyType; readonly value: ValueType };

export type MapKeyType = { readonly type: IntName | 'bytes' };

/** What an input or output holds. A shared value is a type of its own: it matches only its like. */
export interface TypeDescriptor {
  readonly shared: boolean;
  readonly value: ValueType;
}
