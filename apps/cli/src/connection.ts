import { connect, type SpiderClient } from '@spider/client';
import { SpiderError } from '@spider/core';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Printer } from './output/printer.ts';

interface ConnectionOptions {
  readonly endpoint: readonly string[];
  readonly group?: string;
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
    .option('--json', 'print JSON, one object a line');
}

/** Runs what a command does, connected as its options say, and ends the connection. */
export async function withConnection(
  options: object,
  signal: AbortSignal,
  run: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const { endpoint, group, json } = options as ConnectionOptions;
  const password = process.env['SPIDER_PASSWORD'];
  if (group !== undefined && password === undefined) {
    throw new SpiderError(
      'invalid-argument',
      `the password of ${group} is missing: put it into the environment variable SPIDER_PASSWORD`,
    );
  }
  using client = connect({
    endpoints: endpoint,
    ...(group !== undefined && { resourceGroup: group, password: password ?? '' }),
  });
  await run({ client, signal, print: new Printer(process.stdout, json === true) });
}

function urlsOption(text: string): readonly string[] {
  const urls = text.split(',').map((url) => url.trim());
  const bad = urls.find((url) => !URL.canParse(url));
  if (bad === undefined) return urls;
  throw new InvalidArgumentError(`"${bad}" is no URL; one looks like http://127.0.0.1:50051.`);
}
