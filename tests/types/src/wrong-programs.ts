/** A program that must not compile, and how the compiler is to refuse it. */
export interface WrongProgram {
  /** The comment above it. */
  readonly title: string;
  readonly refusals: readonly Refusal[];
}

export interface Refusal {
  readonly line: number;
  /** What the compiler's message must hold, in one of its lines. */
  readonly part: string;
}

/**
 * Reads a file of wrong programs. Each begins with a comment of one line, its title, and has a comment
 * `error: …` above every line that the compiler is to refuse.
 */
export function readWrongPrograms(text: string): readonly WrongProgram[] {
  const programs: { readonly title: string; readonly refusals: Refusal[] }[] = [];
  let parts: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const part = /^\s*\/\/ error: (.*)$/.exec(line)?.[1];
    const title = /^\/\/ (.*)$/.exec(line)?.[1];
    if (part !== undefined) {
      parts.push(part);
    } else if (title === undefined) {
      programs.at(-1)?.refusals.push(...parts.map((each) => ({ line: index + 1, part: each })));
      parts = [];
    } else {
      programs.push({ title, refusals: [] });
    }
  }
  return programs;
}
