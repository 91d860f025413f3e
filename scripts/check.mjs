// Every check that needs no test run; `--with-tests` adds the guard of speed and the tests. Runs all of them, prints the
// output of those that fail, and names them at the end.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { run } from './lib/turbo.mjs';
import { root } from './lib/workspace.mjs';

/** A lockfile that names a host installs from nowhere else. */
function checkLockfiles() {
  const files = [
    'pnpm-lock.yaml',
    'tools/bootstrap/package-lock.json',
    'tests/peers/drivers/package-lock.json',
  ];
  const naming = files.filter((file) =>
    /^\s*"?(resolved|tarball)\b|tarball: http/m.test(readFileSync(join(root, file), 'utf8')),
  );
  for (const file of naming) console.error(`${file} names a registry's host`);
  return naming.length === 0 ? 0 : 1;
}

const command =
  (...args) =>
  () =>
    run(args[0], args.slice(1), { quiet: true });

const checks = [
  ['format', command('prettier', '--check', '--log-level', 'warn', '.')],
  ['lint', command('oxlint', '.')],
  ['references', command('node', 'scripts/sync-references.mjs', '--check')],
  ['types', command('turbo', 'run', '//#compile', '--output-logs=errors-only')],
  ['import direction', command('depcruise', 'packages', 'apps', 'examples', 'tests')],
  ['unused code', command('knip', '--no-progress')],
  ['proto lint', command('pnpm', '--filter', '@spider/proto', 'run', 'lint:proto')],
  ['generated code', command('node', 'scripts/check-generated.mjs')],
  ['packages', command('node', 'scripts/check-packages.mjs')],
  ['lockfiles', checkLockfiles],
];

const failed = [];
for (const [name, check] of checks) {
  const startMs = Date.now();
  const ok = check() === 0;
  const seconds = ((Date.now() - startMs) / 1000).toFixed(1);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (!ok) failed.push(name);
}
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);

let exitCode = failed.length === 0 ? 0 : 1;
if (process.argv.includes('--with-tests')) {
  const guard = run('node', ['tests/bench/dist/main.js', 'guard']);
  exitCode = run('node', ['scripts/test.mjs']) || guard || exitCode;
}
process.exitCode = exitCode;
