import type { LogFields, Logger } from '@spider/runtime';

/** Passes on what a process logs, with its name before each line. */
export class SimLogger implements Logger {
  readonly #name: string;
  readonly #write: (level: string, line: string) => void;

  constructor(name: string, write: (level: string, line: string) => void) {
    this.#name = name;
    this.#write = write;
  }

  debug(message: string, fields?: LogFields): void {
    this.#log('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log('error', message, fields);
  }

  child(): Logger {
    return this;
  }

  #log(level: string, message: string, fields?: LogFields): void {
    const error = fields?.['error'];
    const cause = error instanceof Error ? `: ${error.message}` : '';
    this.#write(level, `${this.#name} ${level}: ${message}${cause}`);
  }
}
