import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Reporter, SerializedError, TestModule, TestRunEndReason, Vitest } from 'vitest/node';

/**
 * Writes how many tests passed, failed and were skipped to `test-results/counts.json` of the
 * package. The file is an output of the turbo task, so a cached run still has its counts, and
 * `scripts/test.mjs` adds them up.
 */
export default class CountsReporter implements Reporter {
  #root = process.cwd();
  #watch = false;

  onInit(vitest: Vitest): void {
    this.#root = vitest.config.root;
    this.#watch = vitest.config.watch;
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    errors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    if (this.#watch) return;
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') counts.passed++;
        else if (state === 'failed') failedHere++;
        else counts.skipped++;
      }
      // A file that does not load, or a hook that throws, fails without a failed test.
      if (failedHere === 0 && module.state() === 'failed') failedHere = 1;
      counts.failed += failedHere;
    }
    // Errors outside any test (an unhandled rejection) fail the run as well.
    counts.failed += errors.length;
    if (counts.failed === 0 && reason !== 'passed' && modules.length > 0) counts.failed = 1;
    mkdirSync(join(this.#root, 'test-results'), { recursive: true });
    writeFileSync(join(this.#root, 'test-results/counts.json'), `${JSON.stringify(counts)}\n`);
  }
}
