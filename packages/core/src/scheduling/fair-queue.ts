import {
  FairGroup,
  type FairJob,
  type FairPlace,
  FairRequirement,
  FairShare,
  type JobOrder,
} from './fair-place.ts';

/**
 * Tasks of weight 1 by which a resource group may be ahead of its share after it had none to give: a
 * small job beside a large one then takes little longer than alone.
 */
const NEWCOMER_TASKS = 16;

/** Idle groups beyond this number are forgotten as soon as they could as well be new. */
const REMEMBERED_IDLE_GROUPS = 1024;

/** How resource groups and their jobs share. */
export interface Sharing {
  /** Shares of resource groups by id; 1 unless given. */
  readonly weights: ReadonlyMap<number, number>;
  readonly jobOrder: JobOrder;
}

/** All groups alike, and all jobs of the same priority. */
export const EQUAL_SHARING: Sharing = { weights: new Map(), jobOrder: 'fair' };

/** What some execution managers may run. */
export interface Eligibility {
  /** The only groups that they serve; undefined: all. */
  readonly resourceGroupIds: ReadonlySet<number> | undefined;
  /** Whether they may run jobs with this requirement. */
  meets(requirement: string): boolean;
}

/**
 * Whose turn it is, in two levels. Resource groups share by weight: next is the one that has given
 * least for its weight. Within a group jobs go by priority, and those of the same priority share
 * equally. Knows jobs and counts, not tasks; every call takes logarithmic time.
 *
 * This is start-time fair queueing: what a group has given is its virtual time, and one that comes
 * back after a pause begins where the others are, less the little that a newcomer is granted.
 */
export class FairQueue<Job extends FairJob> {
  readonly #groups = new Map<number, FairGroup<Job>>();
  readonly #requirements = new Map<string, FairRequirement<Job>>();
  #sharing: Sharing;
  /** Where the group was whose turn was last. */
  #virtualTime = 0;
  /** Where the furthest job was of the groups that are forgotten. */
  #furthestJobTime = 0;
  #idleGroups = 0;
  #forgetAt = REMEMBERED_IDLE_GROUPS;
  #arrivals = 0;
  #queued = 0;

  constructor(sharing: Sharing = EQUAL_SHARING) {
    this.#sharing = sharing;
  }

  /** Whether no job has anything to give. */
  get isEmpty(): boolean {
    return this.#queued === 0;
  }

  /** Shares otherwise from now on. */
  share(sharing: Sharing): void {
    const isReordered = sharing.jobOrder !== this.#sharing.jobOrder;
    this.#sharing = sharing;
    for (const group of this.#groups.values()) {
      group.weight = this.#weightOf(group.id);
      if (!isReordered) continue;
      for (const share of group.shares.values()) share.reorder(sharing.jobOrder);
    }
  }

  /** A job has something to give. Again: no effect. */
  enter(place: FairPlace<Job>): void {
    if (place.isQueued) return;
    const { resourceGroupId, priority, requirement } = place.job;
    const group = this.#group(resourceGroupId);
    if (group.queued === 0) this.#wake(group);
    group.queued += 1;
    this.#queued += 1;
    this.#arrivals += 1;
    place.arrival = this.#arrivals;
    place.virtualTime = Math.max(place.virtualTime, group.jobTime(priority));
    const share = this.#share(group, requirement);
    place.share = share;
    share.places.push(place);
    if (!group.isHeld) this.#offer(share);
  }

  /** A job has nothing to give any more. Again: no effect. */
  leave(place: FairPlace<Job>): void {
    const { share } = place;
    if (share === undefined) return;
    const { group } = share;
    place.share = undefined;
    share.places.remove(place);
    this.#queued -= 1;
    group.queued -= 1;
    if (share.places.size > 0) return;
    this.#withdraw(share);
    // The usual one is worth keeping: a narrow job comes and goes with each of its tasks.
    if (share.requirement.key !== '') this.#drop(share);
    if (group.queued === 0 && !group.isHeld) this.#rest();
  }

  /** Whose turn it is; undefined if nobody has anything to give that is eligible. */
  first(eligibility?: Eligibility): FairPlace<Job> | undefined {
    let first: FairShare<Job> | undefined;
    for (const requirement of this.#requirements.values()) {
      if (eligibility !== undefined && !eligibility.meets(requirement.key)) continue;
      const share =
        eligibility?.resourceGroupIds === undefined
          ? requirement.shares.first
          : this.#firstOf(requirement, eligibility.resourceGroupIds);
      if (share !== undefined && goesBefore(share, first)) first = share;
    }
    return first?.places.first;
  }

  /** So many tasks of a queued job have their turn. */
  charge(place: FairPlace<Job>, tasks: number): void {
    const { share, job } = place;
    if (share === undefined) return;
    const { group } = share;
    if (group.virtualTime > this.#virtualTime) this.#virtualTime = group.virtualTime;
    group.virtualTime += tasks / group.weight;
    for (const one of group.shares.values()) {
      if (one.heapPosition !== -1) one.requirement.shares.moved(one);
    }
    group.advanceJobTime(job.priority, place.virtualTime);
    place.virtualTime += tasks;
    share.places.moved(place);
  }

  /** A group gives nothing until it is released. Again: no effect. */
  hold(resourceGroupId: number): void {
    const group = this.#group(resourceGroupId);
    if (group.isHeld) return;
    if (group.queued === 0) this.#idleGroups -= 1;
    group.isHeld = true;
    for (const share of group.shares.values()) this.#withdraw(share);
  }

  /** Ends a `hold`. Without one: no effect. */
  release(resourceGroupId: number): void {
    const group = this.#groups.get(resourceGroupId);
    if (group === undefined || !group.isHeld) return;
    group.isHeld = false;
    if (group.queued === 0) this.#rest();
    for (const share of group.shares.values()) if (share.places.size > 0) this.#offer(share);
  }

  #firstOf(
    { key }: FairRequirement<Job>,
    resourceGroupIds: ReadonlySet<number>,
  ): FairShare<Job> | undefined {
    let first: FairShare<Job> | undefined;
    for (const id of resourceGroupIds) {
      const share = this.#groups.get(id)?.shares.get(key);
      if (share === undefined || share.heapPosition === -1) continue;
      if (goesBefore(share, first)) first = share;
    }
    return first;
  }

  #group(id: number): FairGroup<Job> {
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    const group = new FairGroup<Job>(id, this.#weightOf(id), this.#furthestJobTime);
    this.#groups.set(id, group);
    this.#idleGroups += 1;
    return group;
  }

  #weightOf(id: number): number {
    return this.#sharing.weights.get(id) ?? 1;
  }

  #share(group: FairGroup<Job>, key: string): FairShare<Job> {
    const known = group.shares.get(key);
    if (known !== undefined) return known;
    let requirement = this.#requirements.get(key);
    if (requirement === undefined) {
      requirement = new FairRequirement<Job>(key);
      this.#requirements.set(key, requirement);
    }
    requirement.shareCount += 1;
    const share = new FairShare<Job>(group, requirement, this.#sharing.jobOrder);
    group.shares.set(key, share);
    return share;
  }

  #drop({ group, requirement }: FairShare<Job>): void {
    group.shares.delete(requirement.key);
    requirement.shareCount -= 1;
    if (requirement.shareCount === 0) this.#requirements.delete(requirement.key);
  }

  #wake(group: FairGroup<Job>): void {
    if (!group.isHeld) this.#idleGroups -= 1;
    const earliest = this.#virtualTime - NEWCOMER_TASKS / group.weight;
    if (group.virtualTime < earliest) group.virtualTime = earliest;
  }

  /** A group has become idle. */
  #rest(): void {
    this.#idleGroups += 1;
    if (this.#idleGroups > this.#forgetAt) this.#forgetIdle();
  }

  #forgetIdle(): void {
    for (const [id, group] of this.#groups) {
      const isNew = group.virtualTime <= this.#virtualTime - NEWCOMER_TASKS / group.weight;
      if (group.queued > 0 || group.isHeld || !isNew) continue;
      for (const share of group.shares.values()) this.#drop(share);
      this.#furthestJobTime = Math.max(this.#furthestJobTime, group.furthestJobTime);
      this.#groups.delete(id);
      this.#idleGroups -= 1;
    }
    // Each of them is looked at a bounded number of times on average.
    this.#forgetAt = Math.max(REMEMBERED_IDLE_GROUPS, 2 * this.#idleGroups);
  }

  #offer(share: FairShare<Job>): void {
    if (share.heapPosition === -1) share.requirement.shares.push(share);
  }

  #withdraw(share: FairShare<Job>): void {
    if (share.heapPosition !== -1) share.requirement.shares.remove(share);
  }
}

function goesBefore<Job extends FairJob>(
  one: FairShare<Job>,
  other: FairShare<Job> | undefined,
): boolean {
  return other === undefined || one.group.virtualTime < other.group.virtualTime;
}
