export type Cell = string | number | bigint | undefined;

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => Cell;
}

const GAP = '  ';

/** Rows under their titles, numbers to the right; what is not known is a dash. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(({ of }) => of(row)));
  const widths = columns.map(({ title }, column) =>
    Math.max(title.length, ...cells.map((line) => textOf(line[column]).length)),
  );
  const isNumeric = columns.map((_, column) => cells.every((line) => isNumber(line[column])));
  const pad = (text: string, column: number): string => {
    const width = widths[column] ?? 0;
    return isNumeric[column] ? text.padStart(width) : text.padEnd(width);
  };
  const lineOf = (texts: readonly string[]): string => texts.map(pad).join(GAP).trimEnd();
  const header = lineOf(columns.map(({ title }) => title));
  return [header, ...cells.map((line) => lineOf(line.map(textOf)))].join('\n');
}

const isNumber = (cell: Cell): boolean => typeof cell !== 'string';

function textOf(cell: Cell): string {
  if (cell === undefined || cell === '') return '-';
  // What users have named must not move the cursor.
  // oxlint-disable-next-line no-control-regex
  return String(cell).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}
