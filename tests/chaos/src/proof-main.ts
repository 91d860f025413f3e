import { type ProofOptions, PROOF_HELP, readProofOptions } from './proof/options.ts';
import { runProof } from './proof/run-proof.ts';

async function main(args: readonly string[]): Promise<number> {
  let options: ProofOptions | undefined;
  try {
    options = readProofOptions(args);
  } catch (error) {
    process.stderr.write(`proof: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(PROOF_HELP);
    return 0;
  }
  const result = await runProof(options, (line) => process.stderr.write(`${line}\n`));
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.problems === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
