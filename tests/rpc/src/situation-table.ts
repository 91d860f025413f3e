import type { Situation } from './situations/situation.ts';

const HEADER = ['situation', 'answer', 'the reference, where it differs'] as const;

/** The situations in Markdown, a table for each call; as prettier would format it. */
export function situationTable(situations: readonly Situation[]): string {
  const byCall = Map.groupBy(situations, ({ call }) => call);
  return [...byCall].map(([call, rows]) => `### ${call}\n\n${table(rows.map(cells))}`).join('\n');
}

const cells = ({ situation, code, says, reference = '' }: Situation): string[] => [
  situation,
  code === 'OK' ? `OK: ${says}` : `${code}: “… ${says.trim()} …”`,
  reference,
];

function table(rows: readonly (readonly string[])[]): string {
  const widths = HEADER.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [HEADER, rule, ...rows].map(line).join('');
}
