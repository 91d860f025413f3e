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

/** What a daemon is to do with its configuration. */
export type DaemonMode = 'run' | 'check' | 'print';

export interface DaemonFlags {
  readonly configPath: string;
  readonly mode: DaemonMode;
}

/**
 * Reads the flags of a daemon, which all take the same: the path of their configuration, and whether
 * it is only to be checked or shown.
 *
 * @throws ExitError with code 0 for `--help` and `--version`, 2 for flags that can't be understood.
 */
export function readDaemonFlags(args: readonly string[], info: DaemonInfo): DaemonFlags {
  const values = parse(args, info);
  if (values.help) throw new ExitError(0, helpText(info));
  if (values.version) throw new ExitError(0, `${info.name} ${info.version}`);
  if (!values.config) throw usageError(info, 'the option --config PATH is required');
  if (values.check && values.print)
    throw usageError(info, '--check and --print exclude each other');
  const mode = values.check ? 'check' : values.print ? 'print' : 'run';
  return { configPath: values.config, mode };
}

interface Values {
  readonly config?: string | undefined;
  readonly check?: boolean | undefined;
  readonly print?: boolean | undefined;
  readonly help?: boolean | undefined;
  readonly version?: boolean | undefined;
}

function parse(args: readonly string[], info: DaemonInfo): Values {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      options: {
        config: { type: 'string', short: 'c' },
        check: { type: 'boolean' },
        print: { type: 'boolean' },
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

const usage = (info: DaemonInfo): string => `Usage: ${info.name} --config PATH [--check | --print]`;

function helpText(info: DaemonInfo): string {
  const parts = [
    info.summary,
    usage(info),
    `Options:
  -c, --config PATH  the configuration, a YAML file
      --check        only say whether the configuration is valid
      --print        only print the configuration with its defaults, without secrets
  -h, --help         print this text
  -V, --version      print the version`,
    `Environment:
  SPIDER_LOG         debug, info (default), warn, error or off; RUST_LOG is read if it is not set`,
  ];
  if (info.configHelp !== undefined) parts.push(info.configHelp);
  return parts.join('\n\n');
}
