import { parseArgs } from 'node:util';

import { ExitError } from './exit-error.ts';

/** What a daemon says of itself under `--help` and `--version`. */
export interface DaemonInfo {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  readonly version: string;
  /** An example of the configuration file, or where its keys are described. */
  readonly configHelp?: string;
}

/** Exit code for flags that can't be understood. */
const USAGE_EXIT_CODE = 2;

/**
 * Reads the flags of a daemon, which all take the same: the path of their configuration.
 *
 * @throws ExitError with code 0 for `--help` and `--version`, 2 for flags that can't be understood.
 */
export function readDaemonFlags(args: readonly string[], info: DaemonInfo): { configPath: string } {
  const values = parse(args, info);
  if (values.help) throw new ExitError(0, helpText(info));
  if (values.version) throw new ExitError(0, `${info.name} ${info.version}`);
  if (!values.config) throw usageError(info, 'the option --config PATH is required');
  return { configPath: values.config };
}

function parse(
  args: readonly string[],
  info: DaemonInfo,
): { config?: string | undefined; help?: boolean | undefined; version?: boolean | undefined } {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      options: {
        config: { type: 'string', short: 'c' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'V' },
      },
    }).values;
  } catch (error) {
    throw usageError(info, error instanceof Error ? error.message : String(error));
  }
}

function usageError(info: DaemonInfo, problem: string): ExitError {
  return new ExitError(USAGE_EXIT_CODE, `${info.name}: ${problem}\n\n${usage(info)}`);
}

const usage = (info: DaemonInfo): string => `Usage: ${info.name} --config PATH`;

function helpText(info: DaemonInfo): string {
  const parts = [
    info.summary,
    usage(info),
    `Options:
  -c, --config PATH  the configuration, a YAML file
  -h, --help         print this text
  -V, --version      print the version`,
    `Environment:
  SPIDER_LOG         debug, info (default), warn, error or off; RUST_LOG is read if it is not set`,
  ];
  if (info.configHelp !== undefined) parts.push(info.configHelp);
  return parts.join('\n\n');
}
