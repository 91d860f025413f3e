import type { LogLevel } from '../logger.ts';

const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  off: 'silent',
  silent: 'silent',
};

/**
 * The level that `SPIDER_LOG`, or else `RUST_LOG`, asks for; `info` if neither says. Of a filter such
 * as `warn,spider=debug` the part without a name counts.
 */
export function logLevelFromEnv(env: Readonly<Record<string, string | undefined>>): LogLevel {
  const filter = env['SPIDER_LOG'] || env['RUST_LOG'] || '';
  for (const part of filter.split(',')) {
    const level = LEVELS[part.trim().toLowerCase()];
    if (level !== undefined) return level;
  }
  return 'info';
}
