import { describe, expect, test } from 'vitest';
import { type FairJob, FairPlace } from './fair-place.ts';
import { FairQueue } from './fair-queue.ts';

interface TestJob extends FairJob {
  readonly name: string;
}

function jobOf(name: string, options: Partial<FairJob> = {}): FairPlace<TestJob> {
  return new FairPlace({
    name,
    resourceGroupId: 1,
    priority: 0,
    criticalPath: 1,
    requirement: '',
    ...options,
  });
}

/** Gives turns of one task each, and answers whose they were. */
function turns(
  queue: FairQueue<TestJob>,
  count: number,
  eligibility?: Parameters<typeof queue.first>[0],
): string[] {
  const names: string[] = [];
  for (let turn = 0; turn < count; turn++) {
    const place = queue.first(eligibility);
    if (place === undefined) break;
    queue.charge(place, 1);
    names.push(place.job.name);
  }
  return names;
}

const countOf = (names: readonly string[], name: string): number =>
  names.filter((other) => other === name).length;

describe('a fair queue', () => {
  test('gives nothing when nobody has anything', () => {
    const queue = new FairQueue<TestJob>();
    expect(queue.isEmpty).toBe(true);
    expect(queue.first()).toBeUndefined();
  });

  test('shares among groups, whatever their number of jobs', () => {
    const queue = new FairQueue<TestJob>();
    for (let job = 0; job < 9; job++) queue.enter(jobOf('many', { resourceGroupId: 1 }));
    queue.enter(jobOf('one', { resourceGroupId: 2 }));
    expect(countOf(turns(queue, 100), 'one')).toBe(50);
  });

  test('shares by weight', () => {
    const queue = new FairQueue<TestJob>({ weights: new Map([[2, 3]]), jobOrder: 'fair' });
    queue.enter(jobOf('light', { resourceGroupId: 1 }));
    queue.enter(jobOf('heavy', { resourceGroupId: 2 }));
    expect(countOf(turns(queue, 400), 'heavy')).toBe(300);
  });

  test('takes other weights while it is at work', () => {
    const queue = new FairQueue<TestJob>();
    queue.enter(jobOf('one', { resourceGroupId: 1 }));
    queue.enter(jobOf('other', { resourceGroupId: 2 }));
    turns(queue, 10);
    queue.share({ weights: new Map([[2, 4]]), jobOrder: 'fair' });
    expect(countOf(turns(queue, 100), 'other')).toBe(80);
  });

  test('lets a newcomer catch up a little, and no more than that', () => {
    const queue = new FairQueue<TestJob>();
    queue.enter(jobOf('old', { resourceGroupId: 1 }));
    turns(queue, 1000);
    queue.enter(jobOf('new', { resourceGroupId: 2 }));
    const names = turns(queue, 200);
    expect(names.slice(0, 16)).toEqual(new Array(16).fill('new'));
    expect(countOf(names, 'new')).toBeLessThanOrEqual(100 + 16);
  });

  test('grants nothing to a group that pauses after each turn', () => {
    const queue = new FairQueue<TestJob>();
    queue.enter(jobOf('steady', { resourceGroupId: 1 }));
    const pausing = jobOf('pausing', { resourceGroupId: 2 });
    let turnsOfPausing = 0;
    for (let turn = 0; turn < 1000; turn++) {
      queue.enter(pausing);
      const [name] = turns(queue, 1);
      if (name !== 'pausing') continue;
      turnsOfPausing += 1;
      queue.leave(pausing);
    }
    expect(turnsOfPausing).toBeLessThanOrEqual(500 + 16);
  });

  test('gives jobs of a higher priority their turns first, within their group', () => {
    const queue = new FairQueue<TestJob>();
    queue.enter(jobOf('low', { priority: -1 }));
    const high = jobOf('high', { priority: 5 });
    queue.enter(high);
    queue.enter(jobOf('other group', { resourceGroupId: 2 }));
    expect(countOf(turns(queue, 100), 'high')).toBe(50);
    queue.leave(high);
    expect(countOf(turns(queue, 100), 'low')).toBe(50);
  });

  test('shares equally among jobs of the same priority', () => {
    const queue = new FairQueue<TestJob>();
    queue.enter(jobOf('first'));
    queue.enter(jobOf('second'));
    queue.charge(queue.first() ?? jobOf('none'), 10);
    expect(turns(queue, 12)).toEqual([...new Array<string>(10).fill('second'), 'first', 'second']);
  });

  test('does not let a job that comes late take all that it has not had', () => {
    const queue = new FairQueue<TestJob>();
    queue.enter(jobOf('early'));
    turns(queue, 1000);
    queue.enter(jobOf('late'));
    expect(countOf(turns(queue, 100), 'late')).toBeLessThanOrEqual(51);
  });

  test('if asked to, lets the job with the longest critical path go first', () => {
    const queue = new FairQueue<TestJob>();
    queue.enter(jobOf('wide', { criticalPath: 2 }));
    queue.enter(jobOf('long', { criticalPath: 20 }));
    queue.enter(jobOf('urgent', { criticalPath: 1, priority: 1 }));
    queue.share({ weights: new Map(), jobOrder: 'critical-path' });
    expect(new Set(turns(queue, 5))).toEqual(new Set(['urgent']));
    queue.leave(queue.first() ?? jobOf('none'));
    expect(new Set(turns(queue, 5))).toEqual(new Set(['long']));
  });

  test('passes by what is not eligible, and forgets no turn of it', () => {
    const queue = new FairQueue<TestJob>();
    queue.enter(jobOf('plain', { resourceGroupId: 1 }));
    queue.enter(jobOf('gpu', { resourceGroupId: 2, requirement: 'gpu' }));
    const plainOnly = { resourceGroupIds: undefined, meets: (key: string) => key === '' };
    expect(new Set(turns(queue, 20, plainOnly))).toEqual(new Set(['plain']));
    expect(new Set(turns(queue, 4))).toEqual(new Set(['gpu']));
    const nothing = { resourceGroupIds: undefined, meets: () => false };
    expect(queue.first(nothing)).toBeUndefined();
  });

  test('serves only some groups, fairly', () => {
    const queue = new FairQueue<TestJob>();
    for (const resourceGroupId of [1, 2, 3]) {
      queue.enter(jobOf(`group ${resourceGroupId}`, { resourceGroupId }));
    }
    const names = turns(queue, 100, {
      resourceGroupIds: new Set([1, 3, 99]),
      meets: () => true,
    });
    expect(countOf(names, 'group 1')).toBe(50);
    expect(countOf(names, 'group 3')).toBe(50);
  });

  test('passes by a group that is held, also one that it has not seen yet', () => {
    const queue = new FairQueue<TestJob>();
    queue.hold(2);
    queue.enter(jobOf('free', { resourceGroupId: 1 }));
    const held = jobOf('held', { resourceGroupId: 2 });
    queue.enter(held);
    expect(new Set(turns(queue, 10))).toEqual(new Set(['free']));
    queue.release(2);
    expect(turns(queue, 1)).toEqual(['held']);
    queue.hold(2);
    queue.leave(held);
    queue.release(2);
    expect(new Set(turns(queue, 10))).toEqual(new Set(['free']));
  });

  test('forgets groups that have been idle for long, and is as fair as before', () => {
    const queue = new FairQueue<TestJob>();
    for (let id = 10; id < 5000; id++) {
      const job = jobOf(`passing ${id}`, { resourceGroupId: id });
      queue.enter(job);
      turns(queue, 1);
      queue.leave(job);
    }
    queue.enter(jobOf('one', { resourceGroupId: 10 }));
    queue.enter(jobOf('other', { resourceGroupId: 2 }));
    const names = turns(queue, 200);
    expect(Math.abs(countOf(names, 'one') - 100)).toBeLessThanOrEqual(16);
  });
});

/** Counts how often the order of jobs is asked for. */
class CountedJob implements FairJob {
  static comparisons = 0;
  readonly criticalPath = 1;
  readonly requirement = '';
  readonly resourceGroupId: number;

  constructor(resourceGroupId: number) {
    this.resourceGroupId = resourceGroupId;
  }

  get priority(): number {
    CountedJob.comparisons += 1;
    return 0;
  }
}

test('a turn among ten thousand jobs of a million tasks takes no more than some dozen steps', () => {
  const JOBS = 10_000;
  const TASKS = 1_000_000;
  const BATCH = 10;
  const queue = new FairQueue<CountedJob>();
  const left = new Map<FairPlace<CountedJob>, number>();
  for (let job = 0; job < JOBS; job++) {
    const place = new FairPlace(new CountedJob(job % 10));
    left.set(place, TASKS / JOBS);
    queue.enter(place);
  }
  CountedJob.comparisons = 0;
  let turnsTaken = 0;
  for (let place = queue.first(); place !== undefined; place = queue.first()) {
    turnsTaken += 1;
    queue.charge(place, BATCH);
    const rest = (left.get(place) ?? 0) - BATCH;
    left.set(place, rest);
    if (rest === 0) queue.leave(place);
  }
  expect(turnsTaken).toBe(TASKS / BATCH);
  expect(CountedJob.comparisons / turnsTaken).toBeLessThan(10 * Math.log2(JOBS));
});
