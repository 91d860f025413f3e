import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processesNaming } from '@spider/test-utils';
import { describe, expect, it } from 'vitest';
import { repositoryPath, runProcess, startProcess } from '../src/index.ts';

const SPIDER = repositoryPath('apps/cli/dist/main.js');
const read = (path: string): string => readFileSync(repositoryPath(path), 'utf8');

describe('the README', () => {
  it('shows the example as it is', () => {
    const marked = /<!-- example: (\S+) -->\s*```ts\n(.*?)```/gs;
    const examples = [...read('README.md').matchAll(marked)];
    expect(examples.map(([, file]) => file)).toEqual([
      'examples/hello/src/index.ts',
      'examples/hello/src/main.ts',
    ]);
    for (const [, file, code] of examples) expect(code).toBe(read(file ?? ''));
  });

  it('shows an example that runs under spider dev, which Ctrl-C ends', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spider-dev-'));
    try {
      const packages = repositoryPath('examples');
      const args = ['dev', '--directory', directory, '--packages', packages, '--port', '0'];
      const dev = startProcess([SPIDER, ...args]);
      const ready = await dev.stdoutWith('Ctrl-C stops everything.');
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(ready)?.[0] ?? '';

      const { stdout, stderr } = await runProcess([
        repositoryPath('examples/hello/dist/main.js'),
        url,
      ]);
      expect(stdout, stderr).toBe('the square root of 25 is 5\n');

      dev.child.kill('SIGINT');
      expect((await dev.finished).code).toBe(0);
      expect(await processesNaming(directory)).toEqual([]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
