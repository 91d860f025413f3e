export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What a log line carries beside its message. An Error under the key `error` keeps its stack. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where services say what they do. Messages are fixed texts; what varies goes into the fields. No
 * line is written for a single task.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds the fields to all of its lines. */
  child(fields: LogFields): Logger;
}

/** Drops everything. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
