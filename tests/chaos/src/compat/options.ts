import { parseArgs } from 'node:util';
import { invalidArgument } from '@spider/core';
import { count } from '../options.ts';

/** What is taken for the version before: a commit of the main branch. */
const DEFAULT_COMMIT = '3d3409c';

export interface CompatOptions {
  readonly commit: string;
  /** How long one pairing may take to run its job. */
  readonly timeoutSeconds: number;
  readonly keep: boolean;
}

export const COMPAT_HELP = `Usage: npm run compat -- [options]

Builds an older commit of this repository in a temporary folder, puts its processes beside today's, and
runs the network of the demo through each pairing. Each line says whether that works, or what refuses it;
the last line is the result, as JSON. The exit code is 0 unless a job hangs or gives wrong outputs.

  --commit REV     the older build (${DEFAULT_COMMIT})
  --timeout N      seconds that a pairing may take (60)
  --keep           keeps the folder with the older build and the logs
`;

/** Undefined if help was asked for. @throws SpiderError 'invalid-argument' naming the option. */
export function readCompatOptions(args: readonly string[]): CompatOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      commit: { type: 'string', default: DEFAULT_COMMIT },
      timeout: { type: 'string', default: '60' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  // Git would take it for an option.
  if (values.commit === '' || values.commit.startsWith('-')) {
    throw invalidArgument(`commit: expected a revision, not ${JSON.stringify(values.commit)}`);
  }
  return {
    commit: values.commit,
    timeoutSeconds: count('timeout', values.timeout),
    keep: values.keep,
  };
}
