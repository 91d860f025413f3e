import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

import { packageVersion } from './package-version.ts';

it.each([
  ['{"version":"1.2.3-beta.4"}', '1.2.3-beta.4'],
  ['{}', 'unknown'],
  ['null', 'unknown'],
])('of the manifest %s is %s', async (text, version) => {
  const directory = await mkdtemp(join(tmpdir(), 'spider-version-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'package.json');
  await writeFile(path, text);
  expect(packageVersion(pathToFileURL(path))).toBe(version);
});
