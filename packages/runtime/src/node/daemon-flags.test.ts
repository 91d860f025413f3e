import { describe, expect, it } from 'vitest';

import { readDaemonFlags } from './daemon-flags.ts';

const INFO = {
  name: 'spider-storage',
  summary: 'Keeps the truth.',
  version: '1.2.3',
  configHelp: 'Keys: port.',
  isServer: true,
};
const read = (...args: string[]) => readDaemonFlags(args, INFO);

describe("a daemon's flags", () => {
  it.each([[['-c', 'a.yaml']], [['--config', 'a.yaml']], [['--config=a.yaml']]])(
    'name its configuration: %j',
    (args) => {
      expect(read(...args)).toEqual({ configPath: 'a.yaml', mode: 'run', insecure: false });
    },
  );

  it.each([
    [[], /--config PATH is required/],
    [['-c'], /argument missing/],
    [['-c', ''], /--config PATH is required/],
    [['--port', '1'], /--port/],
    [['-c', 'a.yaml', 'b.yaml'], /b\.yaml/],
    [['-c', 'a.yaml', '--check', '--print'], /exclude each other/],
    [['-c', 'a.yaml', '--print', '--health'], /exclude each other/],
  ])('that make no sense end it with code 2: %j', (args, problem) => {
    expect(() => read(...args)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringMatching(problem) as string,
      }) as Error,
    );
    expect(() => read(...args)).toThrow('Usage: spider-storage --config PATH');
  });

  it.each(['--help', '-h'])('print what there is to know: %s', (flag) => {
    expect(() => read(flag)).toThrow(expect.objectContaining({ exitCode: 0 }) as Error);
    for (const text of ['Keeps the truth.', '-c, --config PATH', 'SPIDER_LOG', 'Keys: port.']) {
      expect(() => read(flag)).toThrow(text);
    }
  });

  it.each(['check', 'print', 'health'] as const)('may ask for no more than --%s', (mode) => {
    expect(read('-c', 'a.yaml', `--${mode}`)).toMatchObject({ configPath: 'a.yaml', mode });
  });

  it('ask only servers for their health', () => {
    const worker = { ...INFO, isServer: false };
    expect(() => readDaemonFlags(['-c', 'a.yaml', '--health'], worker)).toThrow('--health');
    expect(() => readDaemonFlags(['-h'], worker)).not.toThrow('--health');
  });

  it('print the version', () => {
    expect(() => read('--version')).toThrow('spider-storage 1.2.3');
  });
});
