import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { readWrongPrograms, repositoryPath, runTool } from '../src/index.ts';

const FILE = 'tests/types/programs/lint/unawaited.ts';
const CONFIG = 'tests/types/programs/lint/oxlint.json';

describe('the linter refuses', () => {
  const programs = readWrongPrograms(readFileSync(repositoryPath(FILE), 'utf8'));
  const findings = new Map<number, string>();

  beforeAll(async () => {
    const args = ['--config', CONFIG, '--format', 'unix', FILE];
    const output = await runTool('node_modules/oxlint/bin/oxlint', args);
    for (const [, line, message = ''] of output.matchAll(/^\S+?:(\d+):\d+: (.*)$/gm)) {
      findings.set(Number(line), message);
    }
  });

  test.each(programs)('$title', ({ refusals }) => {
    expect(refusals).toHaveLength(1);
    for (const { line, part } of refusals) expect(findings.get(line)).toContain(part);
  });

  test('and nothing else', () => {
    expect(findings.size).toBe(programs.length);
  });
});
