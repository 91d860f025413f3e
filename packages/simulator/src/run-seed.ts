import { runWorld } from './run-world.ts';
import type { Violation } from './run-world.ts';
import { drawScenario } from './scenario.ts';
import type { ScenarioOptions } from './scenario.ts';

export interface SeedOutcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly lastLines: readonly string[];
  readonly virtualMs: number;
  readonly faults: number;
}

export interface SeedOptions extends ScenarioOptions {
  /** It is not compared with itself. */
  readonly once?: boolean;
}

/** Lets what a seed stands for happen twice: both times everything must go the same way. */
export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedOutcome> {
  const first = await runWorld(drawScenario(seed, options));
  const second = options.once === true ? first : await runWorld(drawScenario(seed, options));
  const violations = [...first.violations];
  if (first.traceHash !== second.traceHash) {
    const message = `its traces differ: ${first.traceHash} and ${second.traceHash}`;
    violations.push({ checker: 'same-seed-same-run', message });
  }
  let faults = 0;
  for (const count of first.faults.values()) faults += count;
  const { traceHash, lastLines, virtualMs } = first;
  return {
    seed,
    violations,
    traceHash,
    virtualMs,
    faults,
    lastLines: violations.length > 0 ? lastLines : [],
  };
}
