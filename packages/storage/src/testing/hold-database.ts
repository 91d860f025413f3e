// Takes the right to write to the SQLite database that the first argument names, and keeps it.
import { timestampMs } from '@spider/core';
import { Database } from '../db/database.ts';

const database = await Database.connect({ engine: 'sqlite', path: process.argv[2] ?? ':memory:' });
const { kind } = await database.activate(
  { holder: 'the script', durationMs: 60_000 },
  timestampMs(1),
);
process.stdout.write(`${kind}\n`);
// Until it is killed, or its parent is gone.
process.stdin.resume();
