import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildOlder, REPOSITORY } from './older-build.ts';
import type { CompatOptions } from './options.ts';
import { pairings, type Outcome, tryPairing } from './pairing.ts';

export interface CompatResult {
  readonly commit: string;
  readonly pairings: readonly (Outcome & { readonly name: string })[];
  /** Pairings that neither work nor are refused. */
  readonly problems: number;
}

/** Tries an older build beside today's. @throws Error if the older one cannot be built. */
export async function runCompat(
  { commit, timeoutSeconds, keep }: CompatOptions,
  print: (line: string) => void,
): Promise<CompatResult> {
  const directory = await mkdtemp(join(tmpdir(), 'spider-compat-'));
  try {
    print(`builds ${commit} in ${directory}`);
    const older = await buildOlder(commit, join(directory, 'older'));
    const today = { folder: REPOSITORY, commit: 'today' };
    const tried: (Outcome & { readonly name: string })[] = [];
    for (const [at, pairing] of pairings(today, older).entries()) {
      const outcome = await tryPairing(pairing, join(directory, `pairing-${at}`), timeoutSeconds);
      print(`${pairing.name}: ${outcome.verdict}: ${outcome.message}`);
      tried.push({ name: pairing.name, ...outcome });
    }
    const problems = tried.filter(({ verdict }) => verdict === 'broken').length;
    return { commit: older.commit, pairings: tried, problems };
  } finally {
    if (!keep) await rm(directory, { recursive: true, force: true });
  }
}
