import { type HeapItem, IndexedHeap } from './indexed-heap.ts';

/** What decides when it is a job's turn. Never changes while the job has a place. */
export interface FairJob {
  readonly resourceGroupId: number;
  /** Higher goes first within the resource group. */
  readonly priority: number;
  /** Tasks on the longest path through its graph. */
  readonly criticalPath: number;
  /** What it asks of an execution manager, in a form that is equal for equal requirements. */
  readonly requirement: string;
}

/** In what order jobs of the same group and priority take turns. */
export type JobOrder =
  /** Who has had least goes first. */
  | 'fair'
  /** Those with the longest critical path go first, and who has had least among equals. */
  | 'critical-path';

/** A job's place in one fair queue, also while it has nothing to give. */
export class FairPlace<Job extends FairJob> implements HeapItem {
  readonly job: Job;
  heapPosition = -1;
  /** Where it is queued. */
  share: FairShare<Job> | undefined;
  /** How many tasks it has given, counted from where its peers were when it came. */
  virtualTime = 0;
  /** Who came earlier goes first among equals. */
  arrival = 0;

  constructor(job: Job) {
    this.job = job;
  }

  get isQueued(): boolean {
    return this.share !== undefined;
  }
}

/** A resource group's jobs with the same requirement, while any of them is queued. */
export class FairShare<Job extends FairJob> implements HeapItem {
  readonly group: FairGroup<Job>;
  readonly requirement: FairRequirement<Job>;
  places: IndexedHeap<FairPlace<Job>>;
  heapPosition = -1;

  constructor(group: FairGroup<Job>, requirement: FairRequirement<Job>, order: JobOrder) {
    this.group = group;
    this.requirement = requirement;
    this.places = heapOf(order);
  }

  /** Puts its jobs into another order. */
  reorder(order: JobOrder): void {
    const before = this.places;
    this.places = heapOf(order);
    for (let place = before.first; place !== undefined; place = before.first) {
      before.remove(place);
      this.places.push(place);
    }
  }
}

/** The shares of all groups with the same requirement, by what the groups have given. */
export class FairRequirement<Job extends FairJob> {
  readonly key: string;
  /** Those that offer something. */
  readonly shares = new IndexedHeap<FairShare<Job>>(gaveLess);
  /** How many shares there are, whether they offer something or not. */
  shareCount = 0;

  constructor(key: string) {
    this.key = key;
  }
}

/** Priorities of which a group remembers how far their jobs are. */
const REMEMBERED_PRIORITIES = 1024;

/** A resource group among its peers. */
export class FairGroup<Job extends FairJob> {
  readonly id: number;
  weight: number;
  /** The tasks that it has given, divided by its weight. */
  virtualTime = 0;
  /** It gives nothing for the time being. */
  isHeld = false;
  /** By requirement. */
  readonly shares = new Map<string, FairShare<Job>>();
  /** How many of its jobs are queued. */
  queued = 0;
  /** By priority: where the job was whose turn was last. */
  readonly #jobTimes = new Map<number, number>();
  /** Where the furthest job was that it remembers. */
  #furthestJobTime: number;

  constructor(id: number, weight: number, furthestJobTime: number) {
    this.id = id;
    this.weight = weight;
    this.#furthestJobTime = furthestJobTime;
  }

  get furthestJobTime(): number {
    return this.#furthestJobTime;
  }

  /** Where a job begins that comes now. */
  jobTime(priority: number): number {
    return this.#jobTimes.get(priority) ?? this.#furthestJobTime;
  }

  advanceJobTime(priority: number, time: number): void {
    if (this.#jobTimes.size >= REMEMBERED_PRIORITIES) this.#jobTimes.clear();
    this.#jobTimes.set(priority, time);
    if (time > this.#furthestJobTime) this.#furthestJobTime = time;
  }
}

const heapOf = <Job extends FairJob>(order: JobOrder): IndexedHeap<FairPlace<Job>> =>
  new IndexedHeap<FairPlace<Job>>(order === 'fair' ? hadLess : isLonger);

function hadLess<Job extends FairJob>(one: FairPlace<Job>, other: FairPlace<Job>): boolean {
  if (one.job.priority !== other.job.priority) return one.job.priority > other.job.priority;
  if (one.virtualTime !== other.virtualTime) return one.virtualTime < other.virtualTime;
  return one.arrival < other.arrival;
}

function isLonger<Job extends FairJob>(one: FairPlace<Job>, other: FairPlace<Job>): boolean {
  if (one.job.priority !== other.job.priority) return one.job.priority > other.job.priority;
  if (one.job.criticalPath !== other.job.criticalPath) {
    return one.job.criticalPath > other.job.criticalPath;
  }
  return hadLess(one, other);
}

function gaveLess<Job extends FairJob>(one: FairShare<Job>, other: FairShare<Job>): boolean {
  if (one.group.virtualTime !== other.group.virtualTime) {
    return one.group.virtualTime < other.group.virtualTime;
  }
  return one.group.id < other.group.id;
}
