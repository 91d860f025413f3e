import { readFile } from 'node:fs/promises';

import { SpiderError } from '@spider/core';
import { parse } from 'yaml';
import type { z } from 'zod';

const SECRET_KEY = /password|secret|token|credential/i;
/** Where a secret is kept is none. */
const FILE_KEY = '_file';
const SHOWN_VALUE_CHARS_MAX = 80;

/**
 * Reads a YAML file as the schema has it, with its defaults filled in.
 *
 * @throws SpiderError 'invalid-argument' that names the file and, for each thing wrong, the key, its
 * value and the rule.
 */
export async function loadConfig<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  return parseConfig(path, await readConfigFile(path), schema);
}

/** As {@link loadConfig}, of a text that came from `path`. */
export function parseConfig<Schema extends z.ZodType>(
  path: string,
  text: string,
  schema: Schema,
): z.output<Schema> {
  const raw = parseYaml(path, text);
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => describeIssue(raw, issue));
  throw configError(path, problems.join('; '));
}

/** @throws SpiderError 'invalid-argument' that names the file if it cannot be read. */
export async function readConfigFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw configError(path, 'cannot be read', cause);
  }
}

function parseYaml(path: string, text: string): unknown {
  try {
    // An empty file is a configuration of nothing but defaults.
    return parse(text) ?? {};
  } catch (cause) {
    throw configError(path, cause instanceof Error ? cause.message.trim() : 'is not YAML', cause);
  }
}

function configError(path: string, problem: string, cause?: unknown): SpiderError {
  const detail = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new SpiderError('invalid-argument', `${path}: ${problem}${detail}`, { cause });
}

function describeIssue(raw: unknown, issue: z.core.$ZodIssue): string {
  const key = issue.path.map(String).join('.') || 'the file';
  const value = valueAt(raw, issue.path);
  if (value === undefined) return `${key} is missing: ${issue.message}`;
  return `${key} is ${showValue(key, value)}: ${issue.message}`;
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** Whether what stands at a key is not for everybody's eyes. */
export const isSecretKey = (key: string): boolean =>
  SECRET_KEY.test(key) && !key.endsWith(FILE_KEY);

function showValue(key: string, value: unknown): string {
  if (isSecretKey(key)) return '(not shown)';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a map';
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > SHOWN_VALUE_CHARS_MAX ? `${text.slice(0, SHOWN_VALUE_CHARS_MAX)}…` : text;
}
