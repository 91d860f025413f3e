import { invalidArgument } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { utf8ByteLength } from '../value/utf8.ts';

/** What an execution manager has, or a job requires, by name. */
export type Labels = Readonly<Record<string, string>>;

/** Whether something with these labels has all that is required, with the same values. */
export const labelsMeet = (labels: Labels, required: Labels): boolean =>
  Object.entries(required).every(([key, value]) => labels[key] === value);

/** The same for equal labels, in whatever order they are; empty for none. */
export function requirementKey(required: Labels): string {
  const entries = Object.entries(required);
  if (entries.length === 0) return '';
  return JSON.stringify(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** @throws SpiderError 'invalid-argument' that names the field, the label and the limit. */
export function checkLabels(labels: Labels, field: string, most: number): void {
  const entries = Object.entries(labels);
  if (entries.length > most) {
    throw invalidArgument(`${field}: ${entries.length} are more than ${most}`);
  }
  for (const [key, value] of entries) {
    if (key === '') throw invalidArgument(`${field}: a key is empty`);
    checkBytes(`${field}: key`, key, LIMITS.labelKeyBytes);
    checkBytes(`${field}[${JSON.stringify(key)}]`, value, LIMITS.labelValueBytes);
  }
}

function checkBytes(field: string, text: string, most: number): void {
  const length = utf8ByteLength(text);
  if (length > most) throw invalidArgument(`${field}: ${length} bytes are more than ${most}`);
}
