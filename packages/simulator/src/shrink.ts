import { runWorld } from './run-world.ts';
import { drawScenario, FAULTS } from './scenario.ts';
import type { Fault, ScenarioOptions } from './scenario.ts';

/** What is left of a failing seed when all that its failure does not need is left out. */
export interface Shrunk {
  readonly faults: readonly Fault[];
  /** By their number in the workload. */
  readonly jobs: readonly number[];
  readonly options: ScenarioOptions;
}

/** Leaves out faults and jobs, one after the other, as long as the same promise is broken. */
export async function shrink(seed: number, checker: string, faultyMs?: number): Promise<Shrunk> {
  const without = new Set<Fault>();
  const withoutJobs = new Set<number>();
  const options = { without, withoutJobs, faultyMs };
  const stillFails = async (): Promise<boolean> => {
    const { violations } = await runWorld(drawScenario(seed, options));
    return violations.some((violation) => violation.checker === checker);
  };
  const jobs = drawScenario(seed).jobs.map((_, number) => number);
  const leaveOut = async <T>(set: Set<T>, candidate: T): Promise<void> => {
    set.add(candidate);
    if (!(await stillFails())) set.delete(candidate);
  };
  for (const number of jobs) await leaveOut(withoutJobs, number);
  for (const fault of FAULTS) await leaveOut(without, fault);
  return {
    faults: FAULTS.filter((fault) => !without.has(fault)),
    jobs: jobs.filter((number) => !withoutJobs.has(number)),
    options,
  };
}
