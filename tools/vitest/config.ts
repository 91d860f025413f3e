import { fileURLToPath } from 'node:url';

import { defineConfig, type ViteUserConfig } from 'vitest/config';

const countsReporter = fileURLToPath(new URL('./counts-reporter.ts', import.meta.url));

/** The vitest configuration of every package. */
const config: ViteUserConfig = defineConfig({
  ssr: {
    resolve: {
      // '@spider/source' makes tests run on the sources of the other packages, with no build.
      // The list replaces vite's defaults, so they are repeated here.
      conditions: ['@spider/source', 'module', 'node', 'development|production'],
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    passWithNoTests: true,
    // turbo runs two packages at a time.
    maxWorkers: 2,
    // Far above what any test needs: a busy machine must not fail a run.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default', countsReporter],
  },
});

export default config;
