import {
  CLEANUP_TASK_INDEX,
  COMMIT_TASK_INDEX,
  encodeFrame,
  JobState,
  jobStateName,
  SOURCE_CONSTANT,
  SOURCE_JOB_INPUT,
  TaskOutcome,
  type JobPolicy,
  type TaskGraph,
} from '@spider/core';

/** What the failure of a task leads to. */
export type FailureRules = Pick<JobPolicy, 'failurePolicy' | 'cleanupAfterFailure'>;

export interface ModelTask {
  readonly index: number;
  readonly parents: ReadonlySet<number>;
  readonly outputCount: number;
  readonly maxRetries: number;
  readonly maxInstances: number;
  state: 'pending' | 'ready' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'skipped';
  /** Execution manager by live instance. */
  readonly live: Map<number, number>;
  winner: number;
  lastEnded: number;
  failures: number;
  isSlow: boolean;
  wanted: 'no' | 'queued' | 'handed out';
  /** Held by an execution manager while the task is pending. */
  claim: { readonly instance: number; readonly executionManager: number } | undefined;
  outputs: readonly Uint8Array[];
}

export interface ModelAttempt {
  readonly task: number;
  readonly instance: number;
  readonly outcome: TaskOutcome;
  readonly outputs: readonly Uint8Array[];
}

interface ModelTransition {
  readonly to: JobState;
  readonly request?: number | undefined;
  readonly isFailure?: boolean;
}

export interface ModelRequest {
  readonly type: 'start' | 'cancel' | 'fail' | 'deadline';
  readonly request: number;
  readonly reason?: string | undefined;
  readonly skipCleanup?: boolean | undefined;
}

export type ModelVerdict = 'accepted' | 'duplicate' | 'stale' | 'malformed';

/**
 * What the job machine has to do, written down again with objects and maps, one rule after the other
 * and nothing kept that can be looked up. `said` gathers what it does, one line a fact.
 */
export class JobModel {
  readonly graph: TaskGraph;
  readonly jobInputs: readonly Uint8Array[];
  readonly policy: FailureRules;
  state: JobState;
  pending: ModelTransition | undefined;
  deferred: ModelRequest[] = [];
  isAside = false;
  /** Whether the cleanup is that of a failure. */
  failsAfterCleanup: boolean;
  /** Whether somebody has run the cleanup task since it was last asked. */
  hasCleanupRun = false;
  readonly tasks = new Map<number, ModelTask>();
  queue: number[] = [];
  journal: ModelAttempt[] = [];
  /** The job's outputs as they were when its last task had succeeded. */
  storedOutputs: Uint8Array | undefined;
  failedAttempts = 0;
  claimsAreOpen: boolean;
  said: string[] = [];

  constructor(
    graph: TaskGraph,
    jobInputs: readonly Uint8Array[],
    policy: FailureRules,
    state: JobState,
    failsAfterCleanup = false,
  ) {
    this.graph = graph;
    this.policy = policy;
    this.failsAfterCleanup = failsAfterCleanup;
    this.jobInputs = jobInputs;
    this.state = state;
    this.claimsAreOpen = state === JobState.Running;
    for (let index = 0; index < graph.taskCount; index++) this.#addRegularTask(index);
    if (graph.commitTask !== undefined) {
      this.#addTask(COMMIT_TASK_INDEX, new Set(), 0, graph.commitTask.policy);
    }
    if (graph.cleanupTask !== undefined) {
      this.#addTask(CLEANUP_TASK_INDEX, new Set(), 0, graph.cleanupTask.policy);
    }
    if (state === JobState.CommitReady) {
      for (const task of this.regularTasks) task.state = 'succeeded';
    }
    if (state !== JobState.Ready) this.#enter();
  }

  get regularTasks(): ModelTask[] {
    return [...this.tasks.values()].filter((task) => task.index < this.graph.taskCount);
  }

  get isRunning(): boolean {
    const running: JobState[] = [JobState.Running, JobState.CommitReady, JobState.CleanupReady];
    return this.pending === undefined && !this.isAside && running.includes(this.state);
  }

  get readyCount(): number {
    return this.isRunning ? this.queue.length : 0;
  }

  takeReady(limit: number): number[] {
    const taken = this.queue.splice(0, Math.min(limit, this.readyCount));
    for (const index of taken) this.#task(index).wanted = 'handed out';
    return taken;
  }

  request(asked: ModelRequest): void {
    const { type, request, reason, skipCleanup = false } = asked;
    if (this.pending !== undefined) {
      this.deferred.push(asked);
      return;
    }
    const isOver = this.isAside || this.#hasEnded;
    if (type === 'fail') {
      if (isOver) return;
      if (this.state === JobState.Ready) this.#putAside();
      else this.#move({ to: JobState.Failed, isFailure: true });
    } else if (type === 'deadline') {
      if (isOver || this.state === JobState.CleanupReady) return;
      this.said.push('end reason late');
      if (this.state === JobState.Ready) this.#move({ to: JobState.Cancelled });
      else this.#failJob(true);
    } else if (type === 'start') {
      if (!isOver && this.state === JobState.Ready) this.#move({ to: JobState.Running, request });
      else this.said.push(`rejected ${request}`);
    } else if (isOver || (this.state === JobState.CleanupReady && !skipCleanup)) {
      this.said.push(`rejected ${request}`);
    } else {
      const hasCleanup = this.state !== JobState.Ready && this.graph.cleanupTask !== undefined;
      if (this.state === JobState.CleanupReady && this.failsAfterCleanup) {
        this.#move({ to: JobState.Failed, isFailure: true, request });
      } else if (hasCleanup && !skipCleanup) {
        this.#move({ to: JobState.CleanupReady, request });
      } else {
        this.#move({ to: JobState.Cancelled, request });
      }
      if (reason !== undefined) this.said.push(`end reason ${reason}`);
    }
  }

  cleanupOverdue(): void {
    if (!this.isRunning || this.state !== JobState.CleanupReady) return;
    if (this.#task(CLEANUP_TASK_INDEX).live.size > 0) return;
    if (!this.hasCleanupRun) this.#move({ to: JobState.Failed, isFailure: true });
    this.hasCleanupRun = false;
  }

  persisted(): void {
    const { to, request, isFailure = false } = this.pending ?? { to: this.state };
    this.pending = undefined;
    this.failsAfterCleanup = isFailure;
    this.said.push(`published ${jobStateName(this.state)} ${jobStateName(to)}`);
    this.state = to;
    this.#enter();
    if (request !== undefined) this.said.push(`answered ${request} ${jobStateName(to)}`);
    this.#goOn();
  }

  persistFailed(): void {
    const { to, request } = this.pending ?? { to: this.state };
    this.pending = undefined;
    if (request !== undefined) this.said.push(`rejected ${request}`);
    if (this.state !== JobState.Ready) {
      if (to === JobState.Failed) this.#putAside();
      else this.#move({ to: JobState.Failed, isFailure: true });
    }
    this.#goOn();
  }

  lease(indices: readonly number[], executionManager: number, firstInstance: number): void {
    let instance = firstInstance;
    for (const index of indices) {
      const task = this.tasks.get(index);
      if (task === undefined || !this.#mayLease(task)) {
        this.said.push(`refused ${index}`);
        continue;
      }
      this.#begin(task, instance, executionManager);
      this.said.push(`granted ${index} ${instance} ${this.inputsOf(task).join()}`);
      instance += 1;
    }
  }

  report(attempt: ModelAttempt, executionManager: number, position: number): ModelVerdict {
    const { instance, outcome, outputs } = attempt;
    const task = this.tasks.get(attempt.task);
    if (task === undefined) return 'stale';
    if (task.live.get(instance) !== executionManager) {
      return this.#hasCounted(task, instance) ? 'duplicate' : 'stale';
    }
    if (!this.isRunning) return 'stale';
    if (outcome === TaskOutcome.Released) {
      this.#release(task, instance);
      task.lastEnded = Math.max(task.lastEnded, instance);
      return 'accepted';
    }
    const isRegular = task.index < this.graph.taskCount;
    const isMalformed =
      outcome === TaskOutcome.Succeeded && isRegular && outputs.length !== task.outputCount;
    this.said.push(`journal ${position}${isMalformed ? ' malformed' : ''}`);
    this.journal.push(isMalformed ? { ...attempt, outcome: TaskOutcome.Failed } : attempt);
    if (outcome === TaskOutcome.Succeeded && !isMalformed) this.#succeed(task, instance, outputs);
    else this.#fail(task, instance, outcome === TaskOutcome.FailedForGood);
    return isMalformed ? 'malformed' : 'accepted';
  }

  softTimeout(index: number, instance: number): void {
    const task = this.tasks.get(index);
    if (!this.isRunning || !task?.live.has(instance)) return;
    task.isSlow = true;
    if (task.live.size < limitOf(task)) this.#want(task);
  }

  handOutsLost(): void {
    const lost = [...this.tasks.values()].filter((task) => task.wanted === 'handed out');
    for (const task of lost) task.wanted = 'queued';
    this.queue.unshift(...lost.map((task) => task.index));
  }

  reconcile(
    executionManager: number,
    held: readonly { task: number; instance: number }[],
    isLost = false,
  ): void {
    for (const { task: index, instance } of isLost ? [] : held) {
      const task = this.tasks.get(index);
      if (task?.live.has(instance) === true) {
        task.live.set(instance, executionManager);
      } else if (task !== undefined && this.#mayAdopt(task) && instance > task.lastEnded) {
        this.#begin(task, instance, executionManager);
      } else if (task !== undefined && this.#mayClaim(task, instance)) {
        task.claim = { instance, executionManager };
      } else if (task === undefined || !this.#hasCounted(task, instance)) {
        this.said.push(`cancelled ${executionManager} ${index} ${instance}`);
      }
    }
    for (const task of this.tasks.values()) {
      for (const [instance, owner] of task.live) {
        const isHeld = held.some((one) => one.task === task.index && one.instance === instance);
        if (owner === executionManager && (isLost || !isHeld)) this.#release(task, instance);
      }
      const { claim } = task;
      if (claim?.executionManager !== executionManager) continue;
      const isHeld = held.some((one) => one.task === task.index && one.instance === claim.instance);
      if (isLost || !isHeld) task.claim = undefined;
    }
  }

  claimsOver(): void {
    this.claimsAreOpen = false;
    for (const task of this.tasks.values()) this.#dropClaim(task);
  }

  /** What the journal, up to some record, makes of the job after a start. */
  readBack(records: number): JobModel {
    const { graph, jobInputs, policy, state, failsAfterCleanup } = this;
    const model = new JobModel(graph, jobInputs, policy, state, failsAfterCleanup);
    model.storedOutputs = this.storedOutputs;
    for (const attempt of this.journal.slice(0, records)) model.#replay(attempt);
    model.journal = this.journal.slice(0, records);
    return model;
  }

  /** The wire frame, or outputs with their option byte, that a task runs with. */
  inputsOf(task: ModelTask): Uint8Array {
    if (task.index === CLEANUP_TASK_INDEX) return encodeFrame([]);
    if (task.index === COMMIT_TASK_INDEX) {
      return Uint8Array.of(0, ...(this.storedOutputs ?? []));
    }
    const { inputOffset, sourceTask, sourceSlot, constants } = this.graph;
    const payloads: Uint8Array[] = [];
    for (let i = inputOffset[task.index] ?? 0; i < (inputOffset[task.index + 1] ?? 0); i++) {
      const source = sourceTask[i] ?? 0;
      const slot = sourceSlot[i] ?? 0;
      const payload =
        source === SOURCE_JOB_INPUT
          ? this.jobInputs[slot]
          : source === SOURCE_CONSTANT
            ? constants[slot]
            : this.#task(source).outputs[slot];
      payloads.push(payload ?? new Uint8Array());
    }
    return encodeFrame(payloads);
  }

  get #hasEnded(): boolean {
    const final: JobState[] = [JobState.Succeeded, JobState.Failed, JobState.Cancelled];
    return final.includes(this.state);
  }

  #addRegularTask(index: number): void {
    const { inputOffset, sourceTask, orderOffset, orderTask, outputOffset, kinds, taskKind } =
      this.graph;
    const sources = sourceTask.subarray(inputOffset[index], inputOffset[index + 1]);
    const orders = orderTask.subarray(orderOffset[index], orderOffset[index + 1]);
    const parents = new Set([...sources, ...orders].filter((source) => source < index));
    const outputCount = (outputOffset[index + 1] ?? 0) - (outputOffset[index] ?? 0);
    const policy = kinds[taskKind[index] ?? 0]?.policy ?? { maxRetries: 0, maxInstances: 1 };
    this.#addTask(index, parents, outputCount, policy);
    if (parents.size === 0) this.#task(index).state = 'ready';
  }

  #addTask(
    index: number,
    parents: ReadonlySet<number>,
    outputCount: number,
    { maxRetries, maxInstances }: { maxRetries: number; maxInstances: number },
  ): void {
    this.tasks.set(index, {
      index,
      parents,
      outputCount,
      maxRetries,
      maxInstances,
      state: 'pending',
      live: new Map(),
      winner: 0,
      lastEnded: 0,
      failures: 0,
      isSlow: false,
      wanted: 'no',
      claim: undefined,
      outputs: [],
    });
  }

  #task(index: number): ModelTask {
    const task = this.tasks.get(index);
    if (task === undefined) throw new Error(`the model has no task ${index}`);
    return task;
  }

  #move(transition: ModelTransition): void {
    const { to, isFailure = false } = transition;
    this.pending = transition;
    const line = `persist ${jobStateName(this.state)} ${jobStateName(to)}`;
    this.said.push(isFailure ? `${line} with a message` : line);
  }

  #failJob(cleansUp = this.policy.cleanupAfterFailure): void {
    const hasCleanup = cleansUp && this.graph.cleanupTask !== undefined;
    this.#move({ to: hasCleanup ? JobState.CleanupReady : JobState.Failed, isFailure: true });
  }

  #goOn(): void {
    while (this.pending === undefined) {
      const next = this.deferred.shift();
      if (next === undefined) return;
      this.request(next);
    }
  }

  #enter(): void {
    if (this.state === JobState.Running) {
      for (const task of this.regularTasks) if (task.state === 'ready') this.#want(task);
    } else if (this.state === JobState.CommitReady) {
      this.#makeReady(this.#task(COMMIT_TASK_INDEX));
    } else if (this.state === JobState.CleanupReady) {
      this.#stopTasks();
      this.#makeReady(this.#task(CLEANUP_TASK_INDEX));
    } else {
      this.#stopTasks();
    }
  }

  #putAside(): void {
    this.isAside = true;
    this.said.push('quarantined');
    this.#stopTasks();
  }

  #stopTasks(): void {
    this.claimsOver();
    for (const task of this.tasks.values()) {
      if (['succeeded', 'failed', 'skipped'].includes(task.state)) continue;
      this.#cancelInstances(task);
      task.state = 'cancelled';
      task.isSlow = false;
      task.wanted = 'no';
    }
    this.queue = [];
  }

  #cancelInstances(task: ModelTask): void {
    for (const [instance, owner] of task.live) {
      this.said.push(`cancelled ${owner} ${task.index} ${instance}`);
    }
    task.live.clear();
  }

  #mayClaim(task: ModelTask, instance: number): boolean {
    return (
      this.claimsAreOpen &&
      this.isRunning &&
      task.index < this.graph.taskCount &&
      task.state === 'pending' &&
      instance > task.lastEnded &&
      instance >= (task.claim?.instance ?? 0)
    );
  }

  #dropClaim(task: ModelTask): void {
    if (task.claim === undefined) return;
    const { instance, executionManager } = task.claim;
    this.said.push(`cancelled ${executionManager} ${task.index} ${instance}`);
    task.claim = undefined;
  }

  /** All parents have succeeded: what was issued after that goes on. */
  #begun(task: ModelTask): void {
    const { claim } = task;
    const winners = [...task.parents].map((parent) => this.#task(parent).winner);
    if (claim === undefined || claim.instance <= Math.max(0, ...winners)) {
      this.#dropClaim(task);
      this.#makeReady(task);
    } else {
      task.claim = undefined;
      this.#begin(task, claim.instance, claim.executionManager);
    }
  }

  #want(task: ModelTask): void {
    if (task.wanted !== 'no') return;
    task.wanted = 'queued';
    this.queue.push(task.index);
  }

  #unwant(task: ModelTask): void {
    task.wanted = 'no';
    this.queue = this.queue.filter((index) => index !== task.index);
  }

  #makeReady(task: ModelTask): void {
    task.state = 'ready';
    task.isSlow = false;
    this.#want(task);
  }

  /** After a start there may be reports on their way of several instances of a task. */
  #mayAdopt(task: ModelTask): boolean {
    if (this.#mayLease(task)) return true;
    return this.isRunning && this.claimsAreOpen && task.state === 'running';
  }

  #mayLease(task: ModelTask): boolean {
    if (!this.isRunning) return false;
    return task.state === 'ready' || (task.state === 'running' && task.live.size < limitOf(task));
  }

  #begin(task: ModelTask, instance: number, executionManager: number): void {
    this.#unwant(task);
    if (task.index === CLEANUP_TASK_INDEX) this.hasCleanupRun = true;
    task.live.set(instance, executionManager);
    task.state = 'running';
  }

  #hasCounted(task: ModelTask, instance: number): boolean {
    return instance > 0 && (task.winner === instance || task.lastEnded === instance);
  }

  #succeed(task: ModelTask, instance: number, outputs: readonly Uint8Array[]): void {
    task.live.delete(instance);
    this.#cancelInstances(task);
    this.#unwant(task);
    task.isSlow = false;
    task.state = 'succeeded';
    task.winner = instance;
    task.outputs = outputs;
    if (task.index === COMMIT_TASK_INDEX) this.#move({ to: JobState.Succeeded });
    else if (task.index !== CLEANUP_TASK_INDEX) this.#afterSuccess();
    else if (this.failsAfterCleanup) this.#move({ to: JobState.Failed, isFailure: true });
    else this.#move({ to: JobState.Cancelled });
  }

  #afterSuccess(): void {
    for (const child of this.regularTasks) {
      const isFree = [...child.parents].every((parent) => this.#task(parent).state === 'succeeded');
      if (child.state === 'pending' && isFree) this.#begun(child);
    }
    this.#finish();
  }

  /** Moves on if nothing is left to run. */
  #finish(): void {
    const states = new Set(this.regularTasks.map((task) => task.state));
    if (['pending', 'ready', 'running'].some((state) => states.has(state as never))) return;
    if (states.has('failed')) {
      this.#failJob();
      return;
    }
    const commits = this.graph.commitTask !== undefined;
    this.#move({ to: commits ? JobState.CommitReady : JobState.Succeeded });
    this.storedOutputs = this.#gatherOutputs();
    this.said.push(`outputs ${this.storedOutputs.join()}`);
  }

  #gatherOutputs(): Uint8Array {
    const { jobOutputSlots, outputOffset } = this.graph;
    const all = this.regularTasks.flatMap((task) =>
      Array.from({ length: task.outputCount }, (_, position) => ({
        slot: (outputOffset[task.index] ?? 0) + position,
        payload: task.outputs[position],
      })),
    );
    const payloads = [...jobOutputSlots].map(
      (slot) => all.find((one) => one.slot === slot)?.payload,
    );
    return encodeFrame(payloads.map((payload) => payload ?? new Uint8Array()));
  }

  #fail(task: ModelTask, instance: number, isForGood: boolean): void {
    task.live.delete(instance);
    task.lastEnded = Math.max(task.lastEnded, instance);
    task.failures += 1;
    this.failedAttempts += 1;
    if (isForGood || task.failures > task.maxRetries) {
      this.#cancelInstances(task);
      this.#unwant(task);
      task.isSlow = false;
      task.state = 'failed';
      if (task.index === CLEANUP_TASK_INDEX) this.#move({ to: JobState.Failed, isFailure: true });
      else if (!this.#goesOnWithout(task)) this.#failJob();
      else {
        this.#skip('pending');
        this.#finish();
      }
    } else if (task.live.size === 0) {
      this.#makeReady(task);
    } else if (task.live.size < limitOf(task)) {
      this.#want(task);
    }
  }

  #goesOnWithout(task: ModelTask): boolean {
    return this.policy.failurePolicy === 'continue' && task.index < this.graph.taskCount;
  }

  /** What depends on a task that failed is not going to run; parents come before their children. */
  #skip(from: 'pending' | 'cancelled'): void {
    for (const task of this.regularTasks) {
      const parents = [...task.parents].map((parent) => this.#task(parent).state);
      const isLost = parents.includes('failed') || parents.includes('skipped');
      if (task.state !== from || !isLost) continue;
      this.#dropClaim(task);
      task.state = 'skipped';
    }
  }

  #release(task: ModelTask, instance: number): void {
    task.live.delete(instance);
    if (task.live.size === 0) this.#makeReady(task);
  }

  #replay({ task: index, instance, outcome, outputs }: ModelAttempt): void {
    const task = this.#task(index);
    const isOver = ['succeeded', 'failed', 'cancelled', 'skipped'].includes(task.state);
    const wasStopped = this.state === JobState.CleanupReady && task.index < this.graph.taskCount;
    if (this.isRunning && !isOver) {
      if (outcome === TaskOutcome.Succeeded) this.#succeed(task, instance, outputs);
      else this.#fail(task, instance, outcome === TaskOutcome.FailedForGood);
      return;
    }
    if (outcome !== TaskOutcome.Succeeded) this.failedAttempts += 1;
    if (!wasStopped || task.state !== 'cancelled') return;
    if (outcome === TaskOutcome.Succeeded) {
      task.state = 'succeeded';
      return;
    }
    task.failures += 1;
    if (outcome === TaskOutcome.Failed && task.failures <= task.maxRetries) return;
    task.state = 'failed';
    if (this.policy.failurePolicy === 'continue') this.#skip('cancelled');
  }
}

const limitOf = (task: ModelTask): number => Math.max(task.maxInstances, task.isSlow ? 2 : 1);
