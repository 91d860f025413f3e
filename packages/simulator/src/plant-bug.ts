import { registerHooks } from 'node:module';

import { plant, PLANTED_BUGS } from './planted-bugs.ts';

/*
 * Imported before a program, plants the bug that is named in the environment in what that loads:
 * `SPIDER_PLANTED_BUG='…' node --import ./dist/plant-bug.js ./dist/main.js`.
 */
const name = process.env['SPIDER_PLANTED_BUG'] ?? '';
const bug = PLANTED_BUGS[name];
if (bug === undefined)
  throw new Error(`SPIDER_PLANTED_BUG: there is no bug ${JSON.stringify(name)}`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/packages/${bug.file}`)) return loaded;
    return { ...loaded, source: plant(bug, Buffer.from(loaded.source as Uint8Array).toString()) };
  },
});
