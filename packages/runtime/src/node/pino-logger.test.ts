import { describe, expect, it } from 'vitest';

import { logLevelFromEnv } from './log-level.ts';
import { createLogger, type LoggerOptions } from './pino-logger.ts';

function logTo(options: LoggerOptions = {}) {
  const lines: Record<string, unknown>[] = [];
  const stream = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  return { lines, logger: createLogger('spider-storage', { level: 'debug', stream, ...options }) };
}

describe('the logger of a process', () => {
  it('writes JSON lines that say when, how bad, who and what', () => {
    const { lines, logger } = logTo();
    logger.warn('slow flush', { elapsedMs: 12 });

    expect(lines).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
        name: 'spider-storage',
        pid: process.pid,
        msg: 'slow flush',
        elapsedMs: 12,
      },
    ]);
  });

  it('writes each level under its name', () => {
    const { lines, logger } = logTo();
    logger.debug('a');
    logger.info('b');
    logger.warn('c');
    logger.error('d');

    expect(lines.map((line) => line['level'])).toEqual(['debug', 'info', 'warn', 'error']);
  });

  it('keeps the stack and the cause of an error', () => {
    const { lines, logger } = logTo();
    logger.error('failed', { error: new Error('outer', { cause: new TypeError('inner') }) });

    expect(lines[0]?.['error']).toMatchObject({
      type: 'Error',
      message: expect.stringContaining('outer') as string,
      stack: expect.stringContaining('caused by: TypeError: inner') as string,
    });
  });

  it('hands its fields down to children', () => {
    const { lines, logger } = logTo();
    logger.child({ jobId: '7' }).child({ part: 'journal' }).info('flushed');

    expect(lines[0]).toMatchObject({ jobId: '7', part: 'journal', msg: 'flushed' });
  });

  it('leaves out what is less important than its level', () => {
    const { lines, logger } = logTo({ level: 'warn' });
    logger.info('quiet');
    logger.child({}).info('quiet');
    logger.warn('loud');

    expect(lines.map((line) => line['msg'])).toEqual(['loud']);
  });
});

describe('the level that the environment asks for', () => {
  it.each([
    [{}, 'info'],
    [{ SPIDER_LOG: 'debug', RUST_LOG: 'error' }, 'debug'],
    [{ SPIDER_LOG: '', RUST_LOG: 'warn' }, 'warn'],
    [{ RUST_LOG: 'INFO' }, 'info'],
    [{ RUST_LOG: 'spider=debug,warn,h2=trace' }, 'warn'],
    [{ RUST_LOG: 'trace' }, 'debug'],
    [{ SPIDER_LOG: 'off' }, 'silent'],
    [{ SPIDER_LOG: 'nonsense' }, 'info'],
  ])('is, for %j, %s', (env, level) => {
    expect(logLevelFromEnv(env)).toBe(level);
  });
});
