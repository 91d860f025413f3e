import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './bench-options.ts';
import { formatJson, formatRow, TABLE_HEADER } from './format-results.ts';

import { runGuard } from './guard/run-guard.ts';
import { runBesidePeers } from './peers/run-beside-peers.ts';
import type { Suite } from './suite.ts';
import { SUITES } from './suites.ts';

/** Everything a suite writes lies below here, and is gone when it ends. */
const WORK_FOLDER = fileURLToPath(new URL('../../../.spider', import.meta.url));

export const BENCH_USAGE = `usage: npm run bench -- SUITE... [options]

Starts what a suite needs, warms it up, runs its workloads, verifies every output, and prints the
median of the runs.

${SUITES.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join('\n')}
  all        all of them
  guard      whether a task of engine, zero and layered costs more processor time than recorded
  peers      flat, fan-in, layered and chain beside other engines, which are installed and started

  --json               one JSON object a line
  --runs N             measured runs (default 5)
  --slots N            executors (default 2)
  --executors MODE     process or thread (default: process, and grain measures both)
  --durability LEVEL   job, task or sync (default: task, and sync for chain)
  --db sqlite|mariadb  what storage writes to (default sqlite); idle and recovery take both
  --profile FOLDER     storage and execution managers leave CPU profiles there
  --record             with guard: records what is measured
  --help               shows this
`;

export interface BenchRun {
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** @throws Error for a suite that doesn't exist, before any has run, or if one goes wrong. */
export async function runBench(options: BenchOptions, { signal, print }: BenchRun): Promise<void> {
  const { json } = options;
  if (options.suites.includes('guard')) {
    await inFolder('guard', (directory) =>
      runGuard({ ...options, signal, directory }, { json, record: options.record, print }),
    );
    return;
  }
  if (options.suites.includes('peers')) {
    await inFolder('peers', (directory) =>
      runBesidePeers({ ...options, signal, directory }, { json, print }),
    );
    return;
  }
  const suites = options.suites.flatMap(suitesNamed);
  if (!json) print(TABLE_HEADER);
  for (const suite of suites) {
    await inFolder(suite.name, async (directory) => {
      for await (const result of suite.run({ ...options, signal, directory })) {
        const row = { ...result, database: options.database };
        print(json ? formatJson(row) : formatRow(row));
      }
    });
  }
}

/** Runs something with a folder of its own, which is removed afterwards. */
async function inFolder(name: string, run: (directory: string) => Promise<void>): Promise<void> {
  await mkdir(WORK_FOLDER, { recursive: true });
  const directory = await mkdtemp(join(WORK_FOLDER, `bench-${name}-`));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function suitesNamed(name: string): readonly Suite[] {
  if (name === 'all') return SUITES;
  const suite = SUITES.find((one) => one.name === name);
  if (suite !== undefined) return [suite];
  const names = SUITES.map((one) => one.name).join(', ');
  throw new Error(`there is no suite ${name}; there are ${names}`);
}
