import { describe, expect, test } from 'vitest';
import { BLOWS } from './blows/blow.ts';
import { readOptions } from './options.ts';

describe('the options of a chaos run', () => {
  test('allow every blow that the database can take', () => {
    expect(readOptions(['--db', 'mariadb'])?.blows).toEqual([...BLOWS]);
    const ofSqlite = readOptions([])?.blows;
    expect(ofSqlite).toContain('disk-full');
    expect(ofSqlite).not.toContain('database');
  });

  test('with numbers of kills let nothing else happen, and make one round of it', () => {
    const options = readOptions(['--kills', 'em:100,executor:500', '--seconds', '900']);
    expect(options).toMatchObject({ blows: ['em', 'executor'], roundSeconds: 900 });
    expect([...(options?.goals ?? [])]).toEqual([
      ['em', 100],
      ['executor', 500],
    ]);
  });

  test.each([
    [['--seconds', '0'], '--seconds: expected a whole number from 1, not 0'],
    [['--blows', 'flood'], '--blows: expected one of storage'],
    [['--blows', 'database'], 'database: SQLite has no process of its own'],
    [['--blows', 'em', '--kills', 'storage:3'], '--kills: storage is not among --blows'],
    [['--pace', '0'], '--pace: expected a number above 0'],
  ])('%j are refused by name', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});
