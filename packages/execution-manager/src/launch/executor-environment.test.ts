import { expect, test } from 'vitest';
import { executorCommand } from './executor-command.ts';
import { executorEnvironment } from './executor-environment.ts';

test('an executor sees what any program expects, what it was granted, and nothing else', () => {
  const env = executorEnvironment({
    packageDir: '/packages',
    inheritedEnv: ['MODEL_PATH', 'NOT_SET'],
    from: { PATH: '/bin', LANG: 'C', MODEL_PATH: '/model', DB_PASSWORD: 'secret' },
  });
  expect(env).toEqual({
    PATH: '/bin',
    LANG: 'C',
    MODEL_PATH: '/model',
    SPIDER_TDL_PACKAGE_DIR: '/packages',
    SPIDER_EXECUTOR_EXTENSIONS: '1',
  });
});

test('a granted variable cannot replace what the execution manager sets', () => {
  const env = executorEnvironment({
    packageDir: '/packages',
    inheritedEnv: ['SPIDER_TDL_PACKAGE_DIR'],
    from: { SPIDER_TDL_PACKAGE_DIR: '/elsewhere' },
  });
  expect(env['SPIDER_TDL_PACKAGE_DIR']).toBe('/packages');
});

test.each([
  ['/x/main.js', { command: '/node', args: ['/x/main.js'] }],
  ['/x/main.mjs', { command: '/node', args: ['/x/main.mjs'] }],
  ['/x/main.ts', { command: '/node', args: ['/x/main.ts'] }],
  ['/x/spider-task-executor', { command: '/x/spider-task-executor', args: [] }],
])('%s is started as it has to be', (binPath, expected) => {
  expect(executorCommand(binPath, '/node')).toEqual(expected);
});
