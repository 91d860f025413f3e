import { parse, stringify } from 'yaml';
import type { z } from 'zod';
import { checkExposure } from '../auth/exposure.ts';
import type { LocalServer } from './ask-health.ts';
import { readDaemonFlags, type DaemonInfo } from './daemon-flags.ts';
import { ExitError } from './exit-error.ts';
import { isSecretKey, parseConfig, readConfigFile } from './load-config.ts';

/** A server by its configuration. */
export interface ListeningServer extends LocalServer {
  /** Whether it asks who calls. */
  readonly isAuthRequired: boolean;
  /** Whether the configuration says that it need not. */
  readonly insecure: boolean;
}

export interface DaemonConfigOptions<File extends z.ZodType, Config extends z.ZodType> extends Omit<
  DaemonInfo,
  'isServer'
> {
  /** The keys of the file, with their defaults and nothing else. */
  readonly fileSchema: File;
  /** The file as the daemon uses it. */
  readonly schema: Config;
  /** What is to be in effect of the file, where that is more than it says. */
  readonly effective?: (file: z.output<File>) => object;
  /** Where a server listens, by its configuration; only servers can be asked for their health. */
  readonly listensAt?: (config: z.output<Config>) => ListeningServer;
  /** Told once, when the daemon is to run, of what is not as safe as it could be. */
  readonly warn?: (message: string) => void;
  /** Checks what a schema cannot, such as the environment. */
  readonly validate?: (config: z.output<Config>) => unknown;
}

/**
 * Reads a daemon's flags and the configuration that they name. With `--check`, `--print` and `--health`
 * that is all the daemon does.
 *
 * @throws ExitError with code 0 after `--check`, `--print`, `--help` and `--version`, 0 or 1 after
 * `--health`, and 2 for flags that can't be understood; SpiderError 'invalid-argument' that names key, value and rule.
 */
export async function readDaemonConfig<File extends z.ZodType, Config extends z.ZodType>(
  args: readonly string[],
  options: DaemonConfigOptions<File, Config>,
): Promise<z.output<Config>> {
  const { configPath, mode, insecure } = readDaemonFlags(args, {
    ...options,
    isServer: options.listensAt !== undefined,
  });
  const { fileSchema, schema, effective, validate, listensAt } = options;
  const text = await readConfigFile(configPath);
  const config = parseConfig(configPath, text, schema);
  if (mode === 'health' && listensAt !== undefined) {
    // A server that starts needs no client.
    const { askHealth } = await import('./ask-health.ts');
    const { isServing, text: answer } = await askHealth(listensAt(config));
    throw new ExitError(isServing ? 0 : 1, answer);
  }
  validate?.(config);
  // What is only to be shown may be what is to be mended.
  const server = mode === 'print' ? undefined : listensAt?.(config);
  const warning = exposureOf(server, insecure);
  if (mode === 'run') {
    if (warning !== undefined) options.warn?.(warning);
    return config;
  }
  const file = parseConfig(configPath, text, fileSchema);
  if (mode === 'print') {
    const printed = withoutSecrets(effective?.(file) ?? file);
    throw new ExitError(0, stringify(printed).trimEnd());
  }
  const notes = unknownKeys(parse(text), file).map((key) => `${key} is not known and is ignored`);
  throw new ExitError(0, [...notes, `${configPath} is valid`].join('\n'));
}

const exposureOf = (server: ListeningServer | undefined, insecure: boolean): string | undefined =>
  server && checkExposure({ ...server, tls: server.tls, insecure: insecure || server.insecure });

/** The keys that a file has and its schema does not, with dots between them. */
function unknownKeys(raw: unknown, known: unknown): readonly string[] {
  if (!isRecord(raw) || !isRecord(known)) return [];
  return Object.entries(raw).flatMap(([key, value]) =>
    key in known ? unknownKeys(value, known[key]).map((rest) => `${key}.${rest}`) : [key],
  );
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      // Secrets are texts: how long a token is good for is none.
      const isHidden = isSecretKey(key) && typeof each === 'string';
      return [key, isHidden ? '(not shown)' : withoutSecrets(each)];
    }),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
