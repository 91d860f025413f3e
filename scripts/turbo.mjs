// `pnpm turbo run lint --filter=@spider/core`: turbo with the environment of the repository. Started
// by pnpm directly, turbo finds pnpm at a relative path and cannot run it in a package's folder.
import { turbo } from './lib/turbo.mjs';

process.exit(turbo(process.argv.slice(2)));
