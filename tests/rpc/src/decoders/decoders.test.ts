import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FINDINGS } from '../options.ts';
import { fuzzDecoders } from './fuzz-decoders.ts';
import { judge } from './judge.ts';
import { type Target, TARGETS } from './targets.ts';

const noTarget: Target = { name: 'none', seeds: [], run: () => undefined };

test.each(TARGETS)('$name takes the inputs that changes start from', (target) => {
  for (const seed of target.seeds) expect(() => target.run(seed)).not.toThrow();
});

test('what was found once is taken well', async () => {
  for (const file of await readdir(FINDINGS)) {
    const target = TARGETS.find(({ name }) => file.startsWith(`${name}-`));
    if (target === undefined) continue;
    expect(judge(target, await readFile(join(FINDINGS, file))), file).toBeUndefined();
  }
});

test('an error that is no refusal, and a long one, are found', () => {
  const fail = (): never => {
    throw new TypeError('x is undefined');
  };
  expect(judge({ ...noTarget, run: fail }, new Uint8Array(0))).toContain('threw TypeError');
  const take = (): void => void (kept = new Uint8Array(200 * 1024 * 1024).fill(1));
  let kept: Uint8Array | undefined;
  expect(judge({ ...noTarget, run: take }, new Uint8Array(0))).toMatch(/^took \d+ MiB$/);
  expect(kept?.length).toBeGreaterThan(0);
});

/** Each byte that is right leads to the next; at random both at once are rare. */
function openLock(input: Uint8Array): void {
  if (input[0] !== 0x53) return;
  if (input[1] !== 0x50) return;
  throw new Error('the lock is open');
}

test('inputs that get further are kept, and changed until one gets to the end', async () => {
  const findings = await mkdtemp(join(tmpdir(), 'spider-findings-'));
  onTestFinished(() => rm(findings, { recursive: true, force: true }));
  const target: Target = { name: 'lock', seeds: [new Uint8Array(3)], run: openLock };
  const options = { targets: [target], findings, seed: 1, isCovered: isThisFile };
  // It ends with the first finding, long before.
  const result = await fuzzDecoders({ ...options, seconds: 60, findingsMax: 1 });
  expect(result.findings).toHaveLength(1);
  expect(result.findings[0]).toContain('the lock is open');
  const [file = ''] = await readdir(findings);
  expect([...(await readFile(join(findings, file))).subarray(0, 2)]).toEqual([0x53, 0x50]);
}, 70_000);

const isThisFile = (url: string): boolean => url.includes('decoders.test.ts');
