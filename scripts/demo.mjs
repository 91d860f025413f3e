// `npm run demo -- --seed 7`: builds what changed, then runs the demo with the given arguments.
import { run, turbo } from './lib/turbo.mjs';

const built = turbo(['run', '//#compile', '--output-logs=errors-only'], { quiet: true });
process.exit(built || run('node', ['examples/nn/dist/demo.js', ...process.argv.slice(2)]));
