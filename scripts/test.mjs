// Builds, then runs the tests of every package through turbo, which replays what has not changed.
// Arguments go to turbo: `npm test -- --filter=@spider/core`. The last line of the output is the
// sum over the packages: `N passed, N failed, N skipped`.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { turbo } from './lib/turbo.mjs';
import { workspacePackages } from './lib/workspace.mjs';

const turboArgs = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

/** Tests skip without the database, so a cached result holds only while it is there, or not. */
function hasMariadb() {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => existsSync(join(folder, 'mariadbd')));
}

function runTests() {
  const packages = workspacePackages().filter(({ manifest }) => manifest.scripts?.test);
  const countsOf = ({ folder }) => join(folder, 'test-results/counts.json');
  for (const each of packages) rmSync(countsOf(each), { force: true });

  const exitCode = turbo(
    ['run', 'test', '--continue', '--output-logs=new-only', '--log-order=grouped', ...turboArgs],
    { env: { SPIDER_TEST_HAS_MARIADBD: hasMariadb() ? '1' : '0' } },
  );

  for (const each of packages) {
    if (existsSync(countsOf(each))) {
      const counts = JSON.parse(readFileSync(countsOf(each), 'utf8'));
      for (const key of Object.keys(total)) total[key] += counts[key];
    } else if (turboArgs.length === 0) {
      console.log(`${each.manifest.name}: the test run ended before it reported`);
      total.failed++;
    }
  }
  if (exitCode !== 0 && total.failed === 0) total.failed = 1;
}

if (turbo(['run', '//#compile', '--output-logs=errors-only'], { quiet: true }) === 0) {
  runTests();
} else {
  console.log('the build failed, so no test was run');
  total.failed = 1;
}

process.exitCode = total.failed > 0 ? 1 : 0;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
