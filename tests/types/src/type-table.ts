/** A row of the guide's table of types. */
export interface TypeRow {
  /** The type in TypeScript, as an expression. */
  readonly type: string;
  /** What its values are in TypeScript. */
  readonly values: string;
  /** The type in the JSON of a task graph. */
  readonly json: unknown;
}

/** Finds the rows of the table whose columns are Rust, TypeScript, its values, and JSON. */
export function typeTable(markdown: string): readonly TypeRow[] {
  const rows: TypeRow[] = [];
  for (const line of markdown.split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map(codeOf);
    const [, rust, type = '', values = '', json = ''] = cells;
    if (cells.length === 6 && rust !== 'Rust' && json.startsWith('{')) {
      rows.push({ type, values, json: JSON.parse(json) });
    }
  }
  return rows;
}

function codeOf(cell: string): string {
  const text = cell.trim().replaceAll('\\|', '|');
  return text.startsWith('`') && text.endsWith('`') ? text.slice(1, -1) : text;
}
