import { parseArgs } from 'node:util';
import { invalidArgument } from '@spider/core';
import { count, oneOf } from '../options.ts';
import { databaseKills } from './database-kills.ts';
import { failovers } from './failovers.ts';
import { overlaps } from './overlaps.ts';
import type { Proof, ProofVariant } from './proof.ts';
import { storageKills, totalLoss } from './storage-kills.ts';

export const PROOFS: ReadonlyMap<string, Proof> = new Map([
  ['storage-kills', storageKills],
  ['database-kills', databaseKills],
  ['total-loss', totalLoss],
  ['failovers', failovers],
  ['overlaps', overlaps],
]);

export interface ProofOptions extends ProofVariant {
  readonly name: string;
  readonly proof: Proof;
  readonly seed: number;
  readonly rounds: number;
  readonly blows: number;
  /** Of a job. */
  readonly tasks: number;
  /** Where finished rounds are written down, and found again. */
  readonly record: string | undefined;
  readonly keep: boolean;
}

const summaries = [...PROOFS].map(
  ([name, { summary, rounds, blowsPerRound }]) =>
    `  ${name.padEnd(16)}${summary} (${rounds} × ${blowsPerRound})`,
);

export const PROOF_HELP = `Usage: npm run proof -- NAME [options]

Strikes a cluster of real processes while large jobs run on it, and checks what was promised by the
record that the tasks keep. The last line is the result, as JSON.

${summaries.join('\n')}

  --db sqlite|mariadb              (the first that the proof allows)
  --durability task|sync           (task)
  --scheduler embedded|separate    (embedded)
  --seed S                         draws jobs, blows and their instants (1)
  --rounds N, --blows N            a cluster for each round, so many blows in each (full size)
  --tasks N                        of a job (10000)
  --record FILE                    adds a line for each round; those that it has are not run again
  --keep                           keeps the folders with logs and databases even if all is well
`;

/** Undefined if help was asked for. @throws SpiderError 'invalid-argument' naming the option. */
export function readProofOptions(args: readonly string[]): ProofOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      db: { type: 'string' },
      durability: { type: 'string', default: 'task' },
      scheduler: { type: 'string', default: 'embedded' },
      seed: { type: 'string', default: '1' },
      rounds: { type: 'string' },
      blows: { type: 'string' },
      tasks: { type: 'string', default: '10000' },
      record: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const [name = '', ...rest] = positionals;
  const proof = PROOFS.get(name);
  if (proof === undefined || rest.length > 0) {
    throw invalidArgument(`NAME: expected one of ${[...PROOFS.keys()].join(', ')}`);
  }
  return {
    name,
    proof,
    db: oneOf('--db', proof.dbs, values.db ?? String(proof.dbs[0])),
    durability: oneOf('--durability', ['task', 'sync'], values.durability),
    separateScheduler:
      oneOf('--scheduler', ['embedded', 'separate'], values.scheduler) === 'separate',
    seed: count('--seed', values.seed),
    rounds: count('--rounds', values.rounds ?? String(proof.rounds)),
    blows: count('--blows', values.blows ?? String(proof.blowsPerRound)),
    tasks: count('--tasks', values.tasks),
    record: values.record,
    keep: values.keep,
  };
}
