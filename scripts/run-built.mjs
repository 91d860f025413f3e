// Builds what changed, then runs a script of the build with the arguments that follow:
// `npm run demo -- --seed 7`.
import { run, turbo } from './lib/turbo.mjs';

const built = turbo(['run', '//#compile', '--output-logs=errors-only'], { quiet: true });
process.exit(built || run('node', process.argv.slice(2)));
