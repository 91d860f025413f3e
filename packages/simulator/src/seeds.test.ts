import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

test('100 seeds keep every promise, and go the same way twice', { timeout: 240_000 }, async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(process.execPath, [MAIN, '--seeds', '100'], (_error, stdout, stderr) =>
    resolve(stdout + stderr),
  );
  expect(await promise).toMatch(/^sim: 100 seeds, 0 failures, [0-9.]+ seeds\/s\n$/m);
});
