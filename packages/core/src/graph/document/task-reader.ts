import { invalidArgument } from '../../error.ts';
import { LIMITS } from '../../limits.ts';
import type { TaskGraphBuilder } from '../task-graph-builder.ts';
import {
  DEFAULT_EXECUTION_POLICY,
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  type ExecutionPolicy,
} from '../task-graph.ts';
import { inContext } from '../task-kind-table.ts';
import type { DocumentReader } from './document-reader.ts';
import { readPolicy, readTaskFunction, type TaskFunction } from './read-task-code.ts';
import { readStruct } from './read-struct.ts';
import { INPUT_SOURCE, TASK } from './task-graph-schema.ts';
import { TypeListReader } from './type-list-reader.ts';

const NO_FUNCTION: TaskFunction = { packageName: '', functionName: '' };

/**
 * Reads the tasks of a graph into a builder. One task is held at a time, in fields that the next one
 * overwrites: what the builder needs first may come last.
 */
export class TaskReader {
  readonly #reader: DocumentReader;
  readonly #builder: TaskGraphBuilder;
  readonly #lists: TypeListReader;
  /** The builder's number of each kind. */
  readonly #kinds = new Map<string, number>();

  #function = NO_FUNCTION;
  #policy: ExecutionPolicy = DEFAULT_EXECUTION_POLICY;
  /** Numbers of type lists. */
  #inputs = 0;
  #outputs = 0;
  #hasSources = false;
  /** The task and the position of each source. */
  readonly #sources: number[] = [];
  #source = 0;

  constructor(reader: DocumentReader, builder: TaskGraphBuilder) {
    this.#reader = reader;
    this.#builder = builder;
    this.#lists = new TypeListReader(reader);
  }

  /**
   * Reads all tasks. A task that is malformed is refused before one that breaks a rule, wherever it
   * stands.
   */
  readTasks(): void {
    let isRefused = false;
    let refusal: unknown;
    this.#reader.enterList('the list of tasks');
    for (let task = 0; this.#reader.nextElement(); task++) {
      try {
        this.#readTask();
      } catch (error) {
        throw inContext(`task ${task}`, error);
      }
      if (isRefused) continue;
      try {
        this.#addTask();
      } catch (error) {
        isRefused = true;
        refusal = error;
      }
    }
    if (isRefused) throw refusal;
  }

  #readTask(): void {
    this.#policy = DEFAULT_EXECUTION_POLICY;
    this.#hasSources = false;
    this.#sources.length = 0;
    readStruct(this.#reader, TASK, this.#readTaskField);
  }

  readonly #readTaskField = (field: number): void => {
    switch (TASK.names[field]) {
      case 'tdl_context':
        this.#function = readTaskFunction(this.#reader);
        return;
      case 'execution_policy':
        this.#policy = readPolicy(this.#reader) ?? DEFAULT_EXECUTION_POLICY;
        return;
      case 'inputs':
        this.#inputs = this.#lists.readList('a list of input types');
        return;
      case 'outputs':
        this.#outputs = this.#lists.readList('a list of output types');
        return;
      default:
        this.#readSources();
    }
  };

  #readSources(): void {
    if (this.#reader.takeNull()) return;
    this.#hasSources = true;
    this.#reader.enterList('a list of input sources');
    while (this.#reader.nextElement()) {
      this.#source = this.#sources.length;
      if (this.#source === 2 * LIMITS.slotsPerTask) {
        throw this.#reader.error(`a task has at most ${LIMITS.slotsPerTask} input sources`);
      }
      this.#sources.push(0, 0);
      readStruct(this.#reader, INPUT_SOURCE, this.#readSourceField);
    }
  }

  readonly #readSourceField = (field: number): void => {
    const value = this.#reader.readUint64(field === 0 ? 'a task index' : 'a position');
    this.#sources[this.#source + field] = value;
  };

  #addTask(): void {
    const builder = this.#builder;
    const kind = this.#addKind();
    if (this.#hasSources) this.#checkSourceCount();
    builder.beginTask(kind);
    if (this.#hasSources) this.#addSources();
    else {
      for (const type of this.#lists.list(this.#inputs)) {
        builder.addSource(SOURCE_JOB_INPUT, builder.addJobInput(type));
      }
    }
    builder.endTask();
  }

  #addKind(): number {
    const { packageName, functionName } = this.#function;
    const { maxRetries, maxInstances, softTimeoutMs, hardTimeoutMs } = this.#policy;
    const numbers = `${this.#inputs} ${this.#outputs} ${maxRetries} ${maxInstances} ${softTimeoutMs} ${hardTimeoutMs}`;
    const key = `${numbers} ${packageName.length} ${packageName}${functionName}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const inputs = this.#lists.list(this.#inputs);
    const outputs = this.#lists.list(this.#outputs);
    try {
      const kind = { packageName, functionName, inputs, outputs, policy: this.#policy };
      const number = this.#builder.addKind(kind);
      this.#kinds.set(key, number);
      return number;
    } catch (error) {
      throw inContext(`task ${this.#builder.taskCount}`, error);
    }
  }

  #checkSourceCount(): void {
    const inputs = this.#lists.list(this.#inputs).length;
    const sources = this.#sources.length / 2;
    if (inputs > 0 && inputs === sources) return;
    const reason =
      inputs === 0
        ? 'invalid input sources: a task without inputs has none, not even an empty list'
        : `it has ${inputs} inputs, but ${sources} sources`;
    throw invalidArgument(`task ${this.#builder.taskCount}: ${reason}`);
  }

  #addSources(): void {
    const sources = this.#sources;
    for (let at = 0; at < sources.length; at += 2) {
      const task = sources[at] ?? 0;
      // Such a number must not pass for one of the builder's marks.
      if (task >= SOURCE_CONSTANT) {
        throw invalidArgument(
          `task ${this.#builder.taskCount - 1}: input ${at / 2} comes from task ${task}, which is not an earlier task`,
        );
      }
      this.#builder.addSource(task, sources[at + 1] ?? 0);
    }
  }
}
