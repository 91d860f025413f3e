import {
  destination,
  pino,
  stdSerializers,
  type DestinationStream,
  type Logger as Pino,
} from 'pino';

import type { LogFields, Logger, LogLevel } from '../logger.ts';
import { logLevelFromEnv } from './log-level.ts';

export interface LoggerOptions {
  /** The least important level that is written; by default what the environment asks for. */
  readonly level?: LogLevel;
  /** Where lines go; stderr by default. */
  readonly stream?: DestinationStream;
}

/** Writes JSON lines, each with the time, the level and the name of the binary. */
export function createLogger(name: string, options: LoggerOptions = {}): Logger {
  const { level = logLevelFromEnv(process.env), stream = standardError() } = options;
  const base = { name, pid: process.pid };
  return new PinoLogger(
    pino(
      {
        level,
        base,
        serializers: { error: stdSerializers.err },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      stream,
    ),
  );
}

/** Unbuffered, so that the last line before an exit isn't lost. */
function standardError(): DestinationStream {
  const stream = destination({ fd: 2, sync: true });
  // Whoever has closed its end doesn't want the lines; that is no reason to stop.
  stream.on('error', () => undefined);
  return stream;
}

class PinoLogger implements Logger {
  readonly #pino: Pino;

  constructor(logger: Pino) {
    this.#pino = logger;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, message);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#pino.info(fields, message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#pino.error(fields, message);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(fields));
  }
}
