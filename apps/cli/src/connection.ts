import { readFile } from 'node:fs/promises';
import { type ClientTls, connect, type ConnectOptions, type SpiderClient } from '@spider/client';
import { SpiderError } from '@spider/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Printer } from './output/printer.ts';

interface ConnectionOptions {
  readonly endpoint: readonly string[];
  readonly group?: string;
  readonly passwordFile?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
  readonly json?: true;
}

/** What a command that talks to storage works with. */
export interface CommandContext {
  readonly client: SpiderClient;
  readonly print: Printer;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A command that talks to storage, with the options that all of those have. */
export function storageCommand(name: string, description: string): Command {
  return new Command(name)
    .exitOverride()
    .description(description)
    .addOption(
      new Option('-e, --endpoint <urls>', 'where storage may be found, with commas between several')
        .env('SPIDER_ENDPOINT')
        .default(['http://127.0.0.1:50051'], 'http://127.0.0.1:50051')
        .argParser(urlsOption),
    )
    .addOption(
      new Option(
        '--group <name>',
        'the resource group to log in as; password: SPIDER_PASSWORD',
      ).env('SPIDER_GROUP'),
    )
    .option('--password-file <file>', 'holds the password, instead of SPIDER_PASSWORD')
    .option('--token-file <file>', 'holds a token, instead of a login, or of SPIDER_TOKEN')
    .addOption(
      new Option('--ca-file <file>', "https: the authority of storage's certificate").env(
        'SPIDER_CA_FILE',
      ),
    )
    .addOption(
      new Option('--cert-file <file>', 'https: the certificate to show').env('SPIDER_CERT_FILE'),
    )
    .addOption(
      new Option('--key-file <file>', 'https: the private key of it').env('SPIDER_KEY_FILE'),
    )
    .addOption(
      new Option('--server-name <name>', "https: the name in storage's certificate").env(
        'SPIDER_SERVER_NAME',
      ),
    )
    .option('--json', 'print JSON, one object a line');
}

/** Runs what a command does, connected as its options say, and ends the connection. */
export async function withConnection(
  options: object,
  signal: AbortSignal,
  run: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const { endpoint, json, ...rest } = options as ConnectionOptions;
  const tls = tlsOf(rest);
  using client = connect({
    endpoints: endpoint,
    ...(await identityOf(rest, process.env)),
    ...(tls && { tls }),
  });
  await run({ client, signal, print: new Printer(process.stdout, json === true) });
}

type Identity = Pick<ConnectOptions, 'resourceGroup' | 'password' | 'token'>;

/** Secrets come from files or the environment: arguments can be read by everybody on the machine. */
async function identityOf(
  { group, passwordFile, tokenFile }: Omit<ConnectionOptions, 'endpoint'>,
  env: NodeJS.ProcessEnv,
): Promise<Identity> {
  const token = tokenFile === undefined ? env['SPIDER_TOKEN'] : await readSecret(tokenFile);
  if (group === undefined || tokenFile !== undefined) return token === undefined ? {} : { token };
  const password =
    passwordFile === undefined ? env['SPIDER_PASSWORD'] : await readSecret(passwordFile);
  if (password !== undefined) return { resourceGroup: group, password };
  throw new SpiderError(
    'invalid-argument',
    `the password of ${group} is missing: put it into the environment variable SPIDER_PASSWORD, ` +
      'or into a file that --password-file names',
  );
}

async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpiderError('invalid-argument', `the secret cannot be read: ${reason}`, { cause });
  }
}

function tlsOf({
  caFile,
  certFile,
  keyFile,
  serverName,
}: Omit<ConnectionOptions, 'endpoint'>): ClientTls | undefined {
  const tls: ClientTls = { caFile, certFile, keyFile, serverName };
  return Object.values(tls).some((value) => value !== undefined) ? tls : undefined;
}

function urlsOption(text: string): readonly string[] {
  const urls = text.split(',').map((url) => url.trim());
  const bad = urls.find((url) => !URL.canParse(url));
  if (bad === undefined) return urls;
  throw new InvalidArgumentError(`"${bad}" is no URL; one looks like http://127.0.0.1:50051.`);
}
