import { processesNaming } from '@spider/test-utils';
import { describe, expect, it } from 'vitest';
import { repositoryPath, runProcess, startProcess } from '../src/index.ts';

const DEMO = repositoryPath('examples/nn/dist/demo.js');
const LAST_LINE =
  /^demo: job \d+ SUCCEEDED: 10000 tasks in \d+\.\d\d s \(\d+ tasks\/s\), outputs verified$/;

/** Every process of a demo has the name of its folder on its command line. */
const leftovers = (): Promise<readonly unknown[]> => processesNaming('.spider/demo-');

describe('the demo', () => {
  it('runs ten thousand tasks, verifies the outputs, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await runProcess([DEMO, '--seed', '7']);
    expect(stdout.trimEnd().split('\n').at(-1), stderr).toMatch(LAST_LINE);
    expect(stderr).toContain('10000/10000 tasks');
    expect(code).toBe(0);
    expect(await leftovers()).toEqual([]);
  });

  it('stops everything on Ctrl-C, in the middle of its work', async () => {
    const demo = startProcess([DEMO, '--runs', '1000']);
    await demo.stdoutWith('outputs verified');
    demo.child.kill('SIGINT');
    const { code } = await demo.finished;
    expect(code).toBe(130);
    expect(await leftovers()).toEqual([]);
  });

  it('says what is wrong with an argument', async () => {
    const { code, stderr } = await runProcess([DEMO, '--width', '10']);
    expect(stderr).toBe('demo: --width: expected a whole number from 25 to 100000, got 10\n');
    expect(code).toBe(1);
  });
});
