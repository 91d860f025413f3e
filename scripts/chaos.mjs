// `npm run chaos -- --seed 7`: builds what changed, then kills processes while jobs run.
import { run, turbo } from './lib/turbo.mjs';

const built = turbo(['run', '//#compile', '--output-logs=errors-only'], { quiet: true });
process.exit(built || run('node', ['tests/chaos/dist/main.js', ...process.argv.slice(2)]));
