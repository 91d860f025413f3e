/** A block of TypeScript in a document. */
export interface CodeBlock {
  /** The line of the document on which its code begins. */
  readonly line: number;
  readonly code: string;
  /** The file of the repository that it is an excerpt of, if the document names one. */
  readonly example: string | undefined;
}

/** Finds the blocks of TypeScript, and the comments `example: …` before them. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  const block = /(?:<!-- example: (?<example>\S+) -->\s*)?^```ts\n(?<code>.*?)^```$/gms;
  return Array.from(markdown.matchAll(block), ({ 0: whole, index, groups }) => {
    const before = markdown.slice(0, index) + whole.slice(0, whole.indexOf('```ts'));
    return {
      line: before.split('\n').length + 1,
      code: groups?.['code'] ?? '',
      example: groups?.['example'],
    };
  });
}
