import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../test/main-child.ts', import.meta.url));

/** Runs a scenario of the script as a process of its own. */
class Child {
  static readonly all: Child[] = [];
  readonly process: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #ended: Promise<unknown[]>;

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    const interpreterArgs = ['--conditions', '@spider/source'];
    this.process = spawn(process.execPath, [...interpreterArgs, SCRIPT, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env },
    });
    this.process.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.process.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#ended = once(this.process, 'close');
    Child.all.push(this);
  }

  /** The exit code, or the signal that ended it, once its output is closed too. */
  async ended(): Promise<unknown> {
    const [code, signal] = await this.#ended;
    return code ?? signal;
  }

  async prints(text: string): Promise<void> {
    while (!this.stdout.includes(text)) await once(this.process.stdout as never, 'data');
  }

  get logLines(): Record<string, unknown>[] {
    const lines = this.stderr.split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

afterEach(() => {
  for (const child of Child.all.splice(0)) child.process.kill('SIGKILL');
});

describe('runMain', () => {
  it('ends with code 0 when main is done', async () => {
    const child = new Child(['succeed', 'two']);

    expect(await child.ended()).toBe(0);
    expect(child.logLines).toMatchObject([
      { level: 'info', name: 'spider-test', msg: 'working', args: ['succeed', 'two'] },
    ]);
  });

  it('ends with code 1 and says why when main fails', async () => {
    const child = new Child(['fail']);

    expect(await child.ended()).toBe(1);
    expect(child.logLines).toMatchObject([
      { level: 'error', msg: 'the disk is full', error: { type: 'TypeError' } },
    ]);
  });

  it.each(['leaveAnErrorUncaught', 'leaveARejectionUnhandled'])(
    'ends with code 1 and says why when main was to %s',
    async (scenario) => {
      const child = new Child([scenario]);

      expect(await child.ended()).toBe(1);
      expect(child.logLines).toMatchObject([
        { msg: 'ended by an error that nothing has caught', error: { message: 'a bug' } },
      ]);
    },
  );

  it('ends as an ExitError says, with its text and no log line', async () => {
    const refused = new Child(['exit', '2']);
    const helped = new Child(['exit', '0']);

    expect(await refused.ended()).toBe(2);
    expect(refused).toMatchObject({ stdout: '', stderr: 'what a person reads\n' });
    expect(await helped.ended()).toBe(0);
    expect(helped).toMatchObject({ stdout: 'what a person reads\n', stderr: '' });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('lets main clean up at a %s', async (signal) => {
    const child = new Child(['waitForTheEnd']);
    await child.prints('spider-test ready http://127.0.0.1:1\n');
    child.process.kill(signal);

    expect(await child.ended()).toBe(0);
    expect(child.stdout).toBe('spider-test ready http://127.0.0.1:1\ncleaned up\n');
    expect(child.logLines).toMatchObject([{ msg: 'asked to end', signal }]);
  });

  it('takes it for success when main passes on why it was interrupted', async () => {
    const child = new Child(['passOnTheReason']);
    await child.prints('ready');
    child.process.kill('SIGTERM');

    expect(await child.ended()).toBe(0);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends at once at a second %s', async (signal, code) => {
    const child = new Child(['neverEnd']);
    await child.prints('ready');
    child.process.kill('SIGTERM');
    while (!child.stderr.includes('asked to end'))
      await once(child.process.stderr as never, 'data');
    child.process.kill(signal);

    expect(await child.ended()).toBe(code);
  });

  it('goes on when nobody reads its log any more', async () => {
    const child = new Child(['logToNobody']);
    await child.prints('ready');
    child.process.stderr?.destroy();
    child.process.stdin?.write('go\n');

    expect(await child.ended()).toBe(0);
    expect(child.stdout).toContain('still here');
  });
});

describe('SPIDER_EXIT_WITH_PARENT', () => {
  it('ends the process when its stdin ends', async () => {
    const child = new Child(['waitForTheEnd'], { SPIDER_EXIT_WITH_PARENT: '1' });
    await child.prints('ready');
    child.process.stdin?.end();

    expect(await child.ended()).toBe(0);
    expect(child.stdout).toContain('cleaned up');
    expect(child.logLines).toMatchObject([{ msg: 'the parent process is gone' }]);
  });

  it('ends the process when its parent is killed', async () => {
    const parent = new Child(['beAParent']);
    await parent.prints('ready');
    parent.process.kill('SIGKILL');

    // The output is closed when the last process that holds it has ended.
    expect(await parent.ended()).toBe('SIGKILL');
    expect(parent.stdout).toContain('cleaned up');
  });

  it('is needed for that', async () => {
    const child = new Child(['waitForTheEnd']);
    await child.prints('ready');
    child.process.stdin?.end();
    child.process.kill('SIGTERM');
    await child.ended();

    expect(child.logLines).toMatchObject([{ msg: 'asked to end' }]);
  });
});
