import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
}

export interface ComposeService {
  readonly image: string;
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly ports?: readonly string[];
  readonly deploy?: { readonly replicas: string };
}

type Variables = Readonly<Record<string, string>>;

/**
 * A Compose file as Compose reads it: its variables replaced, its anchors merged.
 *
 * @throws Error with the file's own words for a variable that has to be given.
 */
export async function readComposeFile(path: string, variables: Variables): Promise<ComposeFile> {
  const text = await readFile(path, 'utf8');
  const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('#'));
  const file: unknown = parse(interpolate(lines.join('\n'), variables), { merge: true });
  return file as ComposeFile;
}

/** `${NAME:-default}` and `${NAME:?why}`, innermost first: a default may hold another one. */
function interpolate(text: string, variables: Variables): string {
  const replaced = text.replaceAll(
    /\$\{(\w+)(?::([-?])([^${}]*))?\}/g,
    (_, name: string, kind?: string, rest?: string) => {
      const value = variables[name];
      if (value) return value;
      if (kind === '?') throw new Error(`${name}: ${rest ?? ''}`);
      return rest ?? '';
    },
  );
  return replaced === text ? text : interpolate(replaced, variables);
}
