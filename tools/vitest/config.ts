import { fileURLToPath } from 'node:url';

import { defineConfig, type Plugin, type ViteUserConfig } from 'vitest/config';

const countsReporter = fileURLToPath(new URL('./counts-reporter.ts', import.meta.url));

const seededFastCheck = fileURLToPath(new URL('./seeded-fast-check.ts', import.meta.url));

/** Gives tests fast-check with a seed. A setup file would load it for tests without properties too. */
const seedsProperties: Plugin = {
  name: 'spider:seeds-properties',
  enforce: 'pre',
  resolveId(source, importer) {
    if (source !== 'fast-check' || importer === seededFastCheck) return undefined;
    return seededFastCheck;
  },
};

/** The vitest configuration of every package. */
const config: ViteUserConfig = defineConfig({
  plugins: [seedsProperties],
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
