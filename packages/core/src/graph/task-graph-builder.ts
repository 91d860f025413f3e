import { assert } from '../assert.ts';
import { invalidArgument } from '../error.ts';
import type { TaskIndex } from '../id.ts';
import { LIMITS } from '../limits.ts';
import { runSteps, type Steps } from '../steps.ts';
import type { TypeDescriptor } from '../value/type-descriptor.ts';
import { formatType } from '../value/type-equality.ts';
import { deriveFamily } from './derived-columns.ts';
import { GrowingColumn } from './growing-column.ts';
import { checkJobOutputSlots, defaultJobOutputSlots } from './job-output-slots.ts';
import { OrderEdges } from './order-edges.ts';
import { inContext, TaskKindTable, validateTaskCode } from './task-kind-table.ts';
import {
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  type TaskGraph,
  type TaskKind,
  type TerminationTask,
} from './task-graph.ts';
import type { TaskOutput, TaskSource, TaskSpec } from './task-spec.ts';

/**
 * Builds a task graph, task by task, each after the tasks it depends on. Every rule is checked as
 * soon as it can be; what is refused with a SpiderError 'invalid-argument' leaves the builder as it
 * was.
 *
 * `addTask` is the comfortable way. `beginTask`, `addSource`, `addOrder` and `endTask` do the same
 * without an object for each task and source.
 */
export class TaskGraphBuilder {
  readonly #kinds = new TaskKindTable();
  readonly #taskKind = new GrowingColumn();
  readonly #inputOffset = new GrowingColumn();
  readonly #sourceTask = new GrowingColumn();
  readonly #sourceSlot = new GrowingColumn();
  readonly #outputOffset = new GrowingColumn();
  readonly #orders = new OrderEdges();
  readonly #jobInputs: TypeDescriptor[] = [];
  /** The types of the job inputs, as numbers. */
  readonly #jobInputTypes = new GrowingColumn();
  readonly #constants: Uint8Array[] = [];
  #jobOutputSlots: Uint32Array | undefined;
  #commitTask: TerminationTask | undefined;
  #cleanupTask: TerminationTask | undefined;
  /** The types of the inputs of the task between `beginTask` and `endTask`. */
  #openInputs: Uint32Array | undefined;
  /** Ordering edges there were before the open task. */
  #closedOrders = 0;

  constructor() {
    this.#inputOffset.push(0);
    this.#outputOffset.push(0);
  }

  /** Tasks added so far, which is the index of the next one. */
  get taskCount(): number {
    return this.#taskKind.length;
  }

  /** Whether a task was begun that is not ended. */
  get hasOpenTask(): boolean {
    return this.#openInputs !== undefined;
  }

  /** Adds an input of the job. Answers its number, counted from 0. */
  addJobInput(type: TypeDescriptor): number {
    const input = this.#jobInputTypes.length;
    if (input === LIMITS.jobInputs) {
      throw invalidArgument(`a job has at most ${LIMITS.jobInputs} inputs`);
    }
    try {
      const number = this.#kinds.addType(type);
      this.#jobInputTypes.push(number);
      this.#jobInputs.push(this.#kinds.type(number));
    } catch (error) {
      throw inContext(`job input ${input}`, error);
    }
    return input;
  }

  /**
   * Adds a value that tasks can take as an input. Answers its number, counted from 0.
   *
   * @param bytes one MessagePack value; kept, not copied.
   */
  addConstant(bytes: Uint8Array): number {
    if (this.#constants.length === LIMITS.constantsPerJob) {
      throw invalidArgument(`a job has at most ${LIMITS.constantsPerJob} constants`);
    }
    if (bytes.length > LIMITS.taskPayloadBytes) {
      throw invalidArgument(
        `constant ${this.#constants.length}: it has ${bytes.length} bytes, more than ${LIMITS.taskPayloadBytes}`,
      );
    }
    return this.#constants.push(bytes) - 1;
  }

  /** Adds a kind of task. Answers its number; equal kinds have the same. */
  addKind(kind: TaskKind): number {
    return this.#kinds.add(kind);
  }

  /** How many inputs a task of a kind that was added has. */
  inputCount(kind: number): number {
    return this.#kinds.inputTypes(kind).length;
  }

  /** Adds a task. Answers its index. */
  addTask({ kind, sources, after = [] }: TaskSpec): TaskIndex {
    const task = this.taskCount;
    try {
      const number = this.addKind(kind);
      if (sources.length !== kind.inputs.length) {
        throw invalidArgument(sourceCountMessage(sources.length, kind.inputs.length));
      }
      this.beginTask(number);
    } catch (error) {
      throw inContext(`task ${task}`, error);
    }
    for (const source of sources) this.#addSource(source);
    for (const earlier of after) this.addOrder(earlier);
    return this.endTask();
  }

  /** Opens a task of a kind that was added. Its sources follow, then its ordering edges. */
  beginTask(kind: number): void {
    assert(this.#openInputs === undefined, 'a task is begun while another is open');
    if (!isIndexBelow(kind, this.#kinds.kinds.length)) {
      throw invalidArgument(`there is no task kind ${kind}`);
    }
    const inputs = this.#kinds.inputTypes(kind);
    const outputs = this.#outputOffset.last() + this.#kinds.outputTypes(kind).length;
    checkTotal('tasks', this.taskCount + 1, LIMITS.tasksPerJob);
    checkTotal('task inputs', this.#sourceTask.length + inputs.length, LIMITS.inputsPerJob);
    checkTotal('task outputs', outputs, LIMITS.outputsPerJob);
    this.#openInputs = inputs;
    this.#closedOrders = this.#orders.length;
    this.#taskKind.push(kind);
    this.#outputOffset.push(outputs);
  }

  /**
   * The next input of the open task.
   *
   * @param task an earlier task, `SOURCE_JOB_INPUT` or `SOURCE_CONSTANT`.
   * @param slot the position among its outputs, or the number of the job input or constant.
   */
  addSource(task: number, slot: number): void {
    const inputs = this.#open();
    const input = this.#sourceTask.length - this.#inputOffset.last();
    if (input >= inputs.length)
      this.#refuse(`it has more sources than its ${inputs.length} inputs`);
    const type = inputs[input] ?? 0;
    if (isIndexBelow(task, this.taskCount - 1)) this.#checkTaskOutput(input, type, task, slot);
    else if (task === SOURCE_JOB_INPUT) this.#checkJobInput(input, type, slot);
    else if (task === SOURCE_CONSTANT) this.#checkConstant(input, slot);
    else this.#refuse(`input ${input} comes from task ${task}, which is not an earlier task`);
    this.#sourceTask.push(task);
    this.#sourceSlot.push(slot);
  }

  /** The open task runs after this one. */
  addOrder(task: TaskIndex): void {
    this.#open();
    if (!isIndexBelow(task, this.taskCount - 1)) {
      this.#refuse(`it is to run after task ${task}, which is not an earlier task`);
    }
    if (this.#orders.isFull) this.#refuse(TOO_MANY_ORDERS);
    this.#orders.push(this.taskCount - 1, task);
  }

  /** Task `after` runs after task `before`. Both are there already, `before` since earlier. */
  addOrderEdge(before: TaskIndex, after: TaskIndex): void {
    assert(this.#openInputs === undefined, 'an edge between closed tasks is added to an open one');
    if (!isIndexBelow(after, this.taskCount)) {
      throw invalidArgument(`task ${after} is to run after another, but does not exist`);
    }
    if (!isIndexBelow(before, after)) {
      throw invalidArgument(
        `task ${after}: it is to run after task ${before}, which is not an earlier task`,
      );
    }
    if (this.#orders.isFull) throw invalidArgument(TOO_MANY_ORDERS);
    this.#orders.push(after, before);
  }

  /** Closes the open task. Answers its index. */
  endTask(): TaskIndex {
    const inputs = this.#open();
    const sources = this.#sourceTask.length - this.#inputOffset.last();
    if (sources !== inputs.length) this.#refuse(sourceCountMessage(sources, inputs.length));
    this.#inputOffset.push(this.#sourceTask.length);
    this.#openInputs = undefined;
    return this.taskCount - 1;
  }

  /** Forgets the open task. */
  dropTask(): void {
    this.#open();
    const task = this.taskCount - 1;
    this.#taskKind.truncate(task);
    this.#outputOffset.truncate(task + 1);
    this.#sourceTask.truncate(this.#inputOffset.last());
    this.#sourceSlot.truncate(this.#inputOffset.last());
    this.#orders.truncate(this.#closedOrders);
    this.#openInputs = undefined;
  }

  /** The task that runs after the last regular task has succeeded. */
  setCommitTask(task: TerminationTask): void {
    checkTerminationTask('commit task', task);
    this.#commitTask = task;
  }

  /** The task that runs after the job was cancelled. */
  setCleanupTask(task: TerminationTask): void {
    checkTerminationTask('cleanup task', task);
    this.#cleanupTask = task;
  }

  /** Chooses the job's outputs and their order, instead of the default that TaskGraph describes. */
  setJobOutputs(outputs: readonly TaskOutput[]): void {
    this.setJobOutputSlots(
      Uint32Array.from(outputs, ({ task, position }, index) => {
        if (isIndexBelow(task, this.taskCount) && isIndexBelow(position, this.#outputCount(task))) {
          return this.#outputOffset.at(task) + position;
        }
        throw invalidArgument(
          `job output ${index}: output ${position} of task ${task} does not exist`,
        );
      }),
    );
  }

  /** As `setJobOutputs`, with the outputs numbered as in `TaskGraph.outputOffset`. */
  setJobOutputSlots(slots: Uint32Array): void {
    checkJobOutputSlots(slots, this.#outputOffset.last());
    this.#jobOutputSlots = slots.slice();
  }

  /** The graph as it is now. The builder can go on being used. */
  build(): TaskGraph {
    return runSteps(this.buildInSteps());
  }

  /** As `build`, in steps of some milliseconds, between which nothing may be added. */
  *buildInSteps(): Steps<TaskGraph> {
    assert(this.#openInputs === undefined, 'a graph is built while a task is open');
    const columns = {
      taskCount: this.taskCount,
      taskKind: this.#taskKind.toArray(),
      inputOffset: this.#inputOffset.toArray(),
      sourceTask: this.#sourceTask.toArray(),
      sourceSlot: this.#sourceSlot.toArray(),
      ...(yield* this.#orders.toColumns(this.taskCount)),
      outputOffset: this.#outputOffset.toArray(),
    };
    return {
      kinds: [...this.#kinds.kinds],
      ...columns,
      ...(yield* deriveFamily(columns)),
      jobInputs: this.#jobInputs.slice(),
      constants: [...this.#constants],
      jobOutputSlots: this.#jobOutputSlots?.slice() ?? defaultJobOutputSlots(columns),
      commitTask: this.#commitTask,
      cleanupTask: this.#cleanupTask,
    };
  }

  #addSource(source: TaskSource): void {
    switch (source.from) {
      case 'task':
        return this.addSource(source.task, source.position);
      case 'job-input':
        return this.addSource(SOURCE_JOB_INPUT, source.input);
      case 'constant':
        return this.addSource(SOURCE_CONSTANT, source.constant);
      default:
        source satisfies never;
    }
  }

  #checkTaskOutput(input: number, type: number, task: TaskIndex, position: number): void {
    const types = this.#kinds.outputTypes(this.#taskKind.at(task));
    if (!isIndexBelow(position, types.length)) {
      this.#refuse(
        `input ${input} comes from output ${position} of task ${task}, which has ${types.length} outputs`,
      );
    }
    const found = types[position] ?? 0;
    if (found !== type) this.#refuseType(input, type, `output ${position} of task ${task}`, found);
  }

  #checkJobInput(input: number, type: number, number: number): void {
    if (!isIndexBelow(number, this.#jobInputTypes.length)) {
      this.#refuse(`input ${input} comes from job input ${number}, which does not exist`);
    }
    const found = this.#jobInputTypes.at(number);
    if (found !== type) this.#refuseType(input, type, `job input ${number}`, found);
  }

  #checkConstant(input: number, number: number): void {
    if (!isIndexBelow(number, this.#constants.length)) {
      this.#refuse(`input ${input} comes from constant ${number}, which does not exist`);
    }
  }

  #outputCount(task: TaskIndex): number {
    return this.#outputOffset.at(task + 1) - this.#outputOffset.at(task);
  }

  #open(): Uint32Array {
    assert(this.#openInputs !== undefined, 'no task is open');
    return this.#openInputs;
  }

  #refuseType(input: number, type: number, source: string, found: number): never {
    const [wanted, given] = [this.#kinds.type(type), this.#kinds.type(found)].map(formatType);
    this.#refuse(`input ${input} is of type ${wanted}, but ${source} is of type ${given}`);
  }

  #refuse(message: string): never {
    this.dropTask();
    throw invalidArgument(`task ${this.taskCount}: ${message}`);
  }
}

function checkTerminationTask(place: string, task: TerminationTask): void {
  try {
    validateTaskCode(task);
  } catch (error) {
    throw inContext(place, error);
  }
}

function checkTotal(what: string, count: number, limit: number): void {
  if (count > limit) throw invalidArgument(`the job has more than ${limit} ${what}`);
}

const TOO_MANY_ORDERS = `a job has at most ${LIMITS.orderEdgesPerJob} ordering edges`;

const sourceCountMessage = (sources: number, inputs: number): string =>
  `it has ${inputs} inputs, but ${sources} sources`;

/** Also false for negative numbers and fractions. */
const isIndexBelow = (index: number, count: number): boolean =>
  index < count && index >>> 0 === index;
