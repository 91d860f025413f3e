import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Draw } from '../fuzz/draw.ts';
import { BlockCoverage } from './coverage.ts';
import { judge } from './judge.ts';
import { mutate } from './mutate.ts';
import type { Target } from './targets.ts';
import { Watchdog } from './watchdog.ts';

export interface DecoderFuzzOptions {
  /** In all, shared by the targets. */
  readonly seconds: number;
  readonly seed: number;
  readonly targets: readonly Target[];
  /** Where inputs are written that a decoder takes badly. */
  readonly findings: string;
  /** Ends a target that has so many; default 10. */
  readonly findingsMax?: number;
  /** Whether a script's blocks count, by its URL. */
  readonly isCovered?: (url: string) => boolean;
  readonly onProgress?: (line: string) => void;
}

export interface DecoderFuzzResult {
  readonly seconds: number;
  readonly seed: number;
  readonly inputs: number;
  /** Characters of code that have run, and inputs that were the first to get to some. */
  readonly covered: number;
  readonly corpus: number;
  readonly findings: readonly string[];
}

/** Inputs between two looks at the coverage, which takes longer than they do. */
const BATCH = 500;
const FINDINGS_MAX = 10;
const INPUT_BYTES_MAX = 64 * 1024;
const OWN_CODE = /\/packages\/[^/]+\/(?:dist|src)\//;

/**
 * Changes inputs at random, keeps those that get to code that none had got to, and changes these
 * further. What a decoder may not do with any input is in judge.ts.
 */
export async function fuzzDecoders(options: DecoderFuzzOptions): Promise<DecoderFuzzResult> {
  const { seconds, seed, targets, findings: folder } = options;
  const { isCovered = (url: string) => OWN_CODE.test(url) } = options;
  mkdirSync(folder, { recursive: true });
  await using watchdog = new Watchdog(join(folder, 'hang'), INPUT_BYTES_MAX);
  const result = { seconds, seed, inputs: 0, covered: 0, corpus: 0, findings: [] as string[] };
  for (const target of targets) {
    const coverage = await BlockCoverage.start(isCovered);
    try {
      const run = new TargetRun(target, options, coverage, watchdog);
      await run.run((seconds * 1_000) / targets.length);
      result.inputs += run.inputs;
      result.covered += coverage.size;
      result.corpus += run.corpus.length;
      result.findings.push(...run.findings);
      options.onProgress?.(
        `${target.name}: ${run.inputs} inputs, ${coverage.size} characters of code, ` +
          `${run.corpus.length} in the corpus, ${run.findings.length} findings`,
      );
    } finally {
      await coverage.stop();
    }
  }
  return result;
}

class TargetRun {
  readonly corpus: Uint8Array[];
  readonly findings: string[] = [];
  inputs = 0;
  readonly #target: Target;
  readonly #options: DecoderFuzzOptions;
  readonly #draw: Draw;
  readonly #coverage: BlockCoverage;
  readonly #watchdog: Watchdog;

  constructor(
    target: Target,
    options: DecoderFuzzOptions,
    coverage: BlockCoverage,
    watchdog: Watchdog,
  ) {
    this.#target = target;
    this.#options = options;
    this.#draw = new Draw(`${options.seed}/${target.name}`);
    this.#coverage = coverage;
    this.#watchdog = watchdog;
    this.corpus = [...target.seeds];
  }

  async run(lengthMs: number): Promise<void> {
    const endMs = performance.now() + lengthMs;
    const { findingsMax = FINDINGS_MAX } = this.#options;
    for (const seed of this.corpus) this.#try(seed);
    await this.#coverage.hasNew(true);
    while (performance.now() < endMs && this.findings.length < findingsMax) {
      const batch = Array.from({ length: BATCH }, () => this.#next());
      for (const input of batch) this.#try(input);
      if (!(await this.#coverage.hasNew(false))) continue;
      await this.#keepNew(batch, endMs);
    }
  }

  #next(): Uint8Array {
    // Later inputs have got further.
    const { length } = this.corpus;
    const last = this.#draw.chance(0.5) ? Math.max(0, length - 8) : 0;
    const input = this.corpus[last + this.#draw.below(length - last)] ?? new Uint8Array(0);
    return mutate(input, this.#draw, this.#draw.pick(this.corpus));
  }

  /** Runs them again, by halves, to find those that got to something new. */
  async #keepNew(batch: readonly Uint8Array[], endMs: number): Promise<void> {
    const [input] = batch;
    if (batch.length === 1 && input !== undefined) {
      if (await this.#coverage.hasNew(true)) this.corpus.push(input);
      return;
    }
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      if (performance.now() >= endMs) return;
      for (const one of half) this.#try(one);
      if (!(await this.#coverage.hasNew(false))) continue;
      if (half.length === 1) this.#try(half[0] ?? new Uint8Array(0));
      await this.#keepNew(half, endMs);
    }
  }

  #try(input: Uint8Array): void {
    this.inputs += 1;
    this.#watchdog.begin(input);
    const problem = judge(this.#target, input);
    this.#watchdog.end();
    if (problem === undefined) return;
    const { name } = this.#target;
    const hash = createHash('sha256').update(input).digest('hex').slice(0, 12);
    const file = join(this.#options.findings, `${name}-${hash}`);
    const finding = `${name} ${problem}`;
    // One of a kind is enough.
    const isKnown = this.findings.some((known) => headOf(known) === headOf(finding));
    if (isKnown) return;
    writeFileSync(file, input);
    this.findings.push(`${finding}; the input is in ${file}`);
  }
}

const headOf = (finding: string): string => finding.split('\n').slice(0, 2).join('\n');
