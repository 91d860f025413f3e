// turbo with the environment of the repository; see lib/turbo.mjs.
import { turbo } from './lib/turbo.mjs';

process.exit(turbo(process.argv.slice(2)));
