// Opens a session on the SQLite database that the first argument names, and prints its number.
import type { TimestampMs } from '@spider/core';
import { openStore } from '../db/open-store.ts';

const store = await openStore(
  { engine: 'sqlite', path: process.argv[2] ?? ':memory:' },
  1 as TimestampMs,
);
process.stdout.write(`${store.sessionId}\n`);
await store[Symbol.asyncDispose]();
