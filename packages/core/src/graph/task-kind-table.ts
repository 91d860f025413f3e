import { assert } from '../assert.ts';
import { invalidArgument, SpiderError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import type { TypeDescriptor } from '../value/type-descriptor.ts';
import { validateTypeDescriptor } from '../value/type-equality.ts';
import { TypeTable } from '../value/type-table.ts';
import { utf8ByteLength } from '../value/utf8.ts';
import { validateExecutionPolicy } from './execution-policy.ts';
import type { ExecutionPolicy, TaskKind } from './task-graph.ts';

/** The kinds and types of a graph that is being built. Equal ones are kept once. */
export class TaskKindTable {
  readonly #types = new TypeTable();
  readonly #kinds: TaskKind[] = [];
  readonly #inputTypes: Uint32Array[] = [];
  readonly #outputTypes: Uint32Array[] = [];
  readonly #byIdentity = new WeakMap<TaskKind, number>();
  readonly #byKey = new Map<string, number>();
  #slots = 0;

  get kinds(): readonly TaskKind[] {
    return this.#kinds;
  }

  /** The type with this number. */
  type(number: number): TypeDescriptor {
    const type = this.#types.types[number];
    assert(type !== undefined, `no type has the number ${number}`);
    return type;
  }

  /** The number of the type; equal types have the same. */
  addType(type: TypeDescriptor): number {
    const known = this.#types.find(type);
    if (known !== undefined) return known;
    validateTypeDescriptor(type);
    const number = this.#types.intern(type);
    if (number >= LIMITS.typesPerJob) {
      throw invalidArgument(`a job has at most ${LIMITS.typesPerJob} types`);
    }
    return number;
  }

  /** The number of the kind. An equal one that is already there is used again. */
  add(kind: TaskKind): number {
    const known = this.#byIdentity.get(kind);
    if (known !== undefined) return known;
    const number = this.#intern(kind);
    this.#byIdentity.set(kind, number);
    return number;
  }

  /** The types of a kind's inputs, as numbers. */
  inputTypes(kind: number): Uint32Array {
    return this.#inputTypes[kind] ?? NO_TYPES;
  }

  /** The types of a kind's outputs, as numbers. */
  outputTypes(kind: number): Uint32Array {
    return this.#outputTypes[kind] ?? NO_TYPES;
  }

  #intern(kind: TaskKind): number {
    validateTaskCode(kind);
    const inputs = this.#typeNumbers('input', kind.inputs);
    const outputs = this.#typeNumbers('output', kind.outputs);
    const {
      maxRetries,
      maxInstances,
      softTimeoutMs,
      hardTimeoutMs,
      retryDelayMs = 0,
    } = kind.policy;
    const policy = `${maxRetries},${maxInstances},${softTimeoutMs},${hardTimeoutMs},${retryDelayMs}`;
    const names = JSON.stringify([kind.packageName, kind.functionName]);
    const key = `${names} ${policy} ${inputs.join()} ${outputs.join()}`;
    const equal = this.#byKey.get(key);
    if (equal !== undefined) return equal;
    if (this.#kinds.length === LIMITS.taskKindsPerJob) {
      throw invalidArgument(`a job has at most ${LIMITS.taskKindsPerJob} kinds of task`);
    }
    const slots = this.#slots + inputs.length + outputs.length;
    if (slots > LIMITS.taskKindSlotsPerJob) {
      throw invalidArgument(
        `the kinds of task of a job have at most ${LIMITS.taskKindSlotsPerJob} inputs and outputs together`,
      );
    }
    this.#slots = slots;
    const number = this.#kinds.push(kind) - 1;
    this.#inputTypes.push(inputs);
    this.#outputTypes.push(outputs);
    this.#byKey.set(key, number);
    return number;
  }

  #typeNumbers(what: 'input' | 'output', types: readonly TypeDescriptor[]): Uint32Array {
    if (types.length > LIMITS.slotsPerTask) {
      throw invalidArgument(
        `it has ${types.length} ${what}s, more than the ${LIMITS.slotsPerTask} a task may have`,
      );
    }
    return Uint32Array.from(types, (type, position) => {
      try {
        return this.addType(type);
      } catch (error) {
        throw inContext(`${what} ${position}`, error);
      }
    });
  }
}

const NO_TYPES = new Uint32Array();

/** Checks what regular tasks and termination tasks have in common: the policy, and the names. */
export function validateTaskCode(task: {
  readonly packageName: string;
  readonly functionName: string;
  readonly policy: ExecutionPolicy;
}): void {
  validateExecutionPolicy(task.policy);
  validateName('package', task.packageName);
  validateName('function', task.functionName);
}

function validateName(what: string, name: string): void {
  if (!name.isWellFormed()) throw invalidArgument(`its ${what} name is not Unicode text`);
  const bytes = utf8ByteLength(name);
  if (bytes > LIMITS.nameBytes) {
    throw invalidArgument(`its ${what} name has ${bytes} bytes, more than ${LIMITS.nameBytes}`);
  }
}

/** The same error, its message led by the place where it happened. */
export function inContext(place: string, error: unknown): unknown {
  if (!(error instanceof SpiderError)) return error;
  return new SpiderError(error.code, `${place}: ${error.message}`, { cause: error.cause });
}
