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
  /** Whether it is a server that can be asked for its health. */
  readonly isServer?: boolean;
}

/** Exit code for flags that can't be understood. */
const USAGE_EXIT_CODE = 2;

/** What a daemon is to do with its configuration. */
export type DaemonMode = 'run' | (typeof OTHER_MODES)[number];

const OTHER_MODES = ['check', 'print', 'health'] as const;

export interface DaemonFlags {
  readonly configPath: string;
  readonly mode: DaemonMode;
  /** Whether a server may listen where others reach it though nothing asks who they are. */
  readonly insecure: boolean;
}

/**
 * Reads the flags of a daemon, which all take the same: the path of their configuration, and whether
 * it is only to be checked or shown, or the server asked that runs by it.
 *
 * @throws ExitError with code 0 for `--help` and `--version`, 2 for flags that can't be understood.
 */
export function readDaemonFlags(args: readonly string[], info: DaemonInfo): DaemonFlags {
  const values = parse(args, info);
  if (values.help) throw new ExitError(0, helpText(info));
  if (values.version) throw new ExitError(0, `${info.name} ${info.version}`);
  if (!values.config) throw usageError(info, 'the option --config PATH is required');
  if (values.health && !info.isServer) throw usageError(info, 'only a server has --health');
  const [mode = 'run', another] = OTHER_MODES.filter((name) => values[name] === true);
  if (another !== undefined) {
    throw usageError(info, `--${mode} and --${another} exclude each other`);
  }
  if (values.insecure && !info.isServer) throw usageError(info, 'only a server has --insecure');
  return { configPath: values.config, mode, insecure: values.insecure === true };
}

interface Values {
  readonly config?: string | undefined;
  readonly check?: boolean | undefined;
  readonly print?: boolean | undefined;
  readonly health?: boolean | undefined;
  readonly insecure?: boolean | undefined;
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
        health: { type: 'boolean' },
        insecure: { type: 'boolean' },
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

const usage = ({ name, isServer }: DaemonInfo): string =>
  `Usage: ${name} --config PATH [--check | --print${isServer ? ' | --health' : ''}]${isServer ? ' [--insecure]' : ''}`;

const HEALTH_HELP = `
      --health       only ask the server that runs by it whether it serves; code 1 if not
      --insecure     listen where others reach it, though nothing asks who they are`;

function helpText(info: DaemonInfo): string {
  const parts = [
    info.summary,
    usage(info),
    `Options:
  -c, --config PATH  the configuration, a YAML file
      --check        only say whether the configuration is valid
      --print        only print the configuration with its defaults, without secrets${info.isServer ? HEALTH_HELP : ''}
  -h, --help         print this text
  -V, --version      print the version`,
    `Environment:
  SPIDER_LOG         debug, info (default), warn, error or off; RUST_LOG is read if it is not set`,
  ];
  if (info.configHelp !== undefined) parts.push(info.configHelp);
  return parts.join('\n\n');
}
