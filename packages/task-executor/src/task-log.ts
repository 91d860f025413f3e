import type { TaskLogLevel } from '@spider/tdl';

/** Writes a line of JSON to stderr, in the form of the services' own logs. */
export function writeTaskLog(
  level: TaskLogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  const time = new Date().toISOString();
  const line = { level, time, name: 'task', ...fields, msg: message };
  process.stderr.write(`${stringify(line)}\n`);
}

function stringify(line: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(line, replace);
  } catch (error) {
    const { level, time, msg } = line;
    return JSON.stringify({ level, time, msg, unwritableFields: String(error) });
  }
}

function replace(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Error)
    return { name: value.name, message: value.message, stack: value.stack };
  return value;
}
