import { expect, it } from 'vitest';
import { type Column, formatTable } from './table.ts';

interface Row {
  readonly name?: string;
  readonly size: number | undefined;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', of: ({ name }) => name },
  { title: 'SIZE', of: ({ size }) => size },
];

it('columns are as wide as what is in them, with numbers to the right', () => {
  const rows = [
    { name: 'a', size: 5 },
    { name: 'longer', size: 12_345 },
    { name: '', size: undefined },
  ];
  expect(formatTable(COLUMNS, rows)).toBe(
    ['NAME     SIZE', 'a           5', 'longer  12345', '-           -'].join('\n'),
  );
});

it('a name that holds control characters moves no cursor', () => {
  expect(formatTable(COLUMNS, [{ name: 'a\u001b[2Jb\nc', size: 1 }])).toBe(
    'NAME      SIZE\na [2Jb c     1',
  );
});
