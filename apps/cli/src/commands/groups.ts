import type { Command } from 'commander';
import { SpiderError } from '@spider/core';
import { storageCommand, withConnection } from '../connection.ts';

/** `spider add-group NAME`: a resource group. */
export function addGroupCommand(signal: AbortSignal): Command {
  return storageCommand(
    'add-group',
    'Creates a resource group, whose jobs share what is given to it.',
  )
    .argument('<name>', 'how it is called when one logs in')
    .addHelpText(
      'after',
      '\nIts password is read from the environment variable SPIDER_NEW_PASSWORD.',
    )
    .action(async (name: string, options: object) =>
      withConnection(options, signal, async ({ client, print }) => {
        const password = process.env['SPIDER_NEW_PASSWORD'];
        if (password === undefined) {
          throw new SpiderError('invalid-argument', 'SPIDER_NEW_PASSWORD is not set');
        }
        const id = await client.addResourceGroup(name, password, { signal });
        print.one({ resourceGroupId: id, name }, () => `resource group ${name} has the id ${id}`);
      }),
    );
}
