// Makes a clone ready: Node 24 and pnpm from the npm registry, then every dependency.
// Plain JavaScript that needs Node >= 20 and npm only. Does nothing, quietly, when the
// lockfiles are those of the last run.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bootstrap = join(root, 'tools/bootstrap');
const bootstrapBin = join(bootstrap, 'node_modules/.bin');
const stampFile = join(root, 'node_modules/.spider-setup');
const windows = process.platform === 'win32';

function digest(...files) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of files) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function stampOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function run(command, args, path) {
  // pnpm would keep compiled code in the system's temporary folder.
  const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
  if (path !== undefined) {
    const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
    env[key] = `${path}${delimiter}${env[key] ?? ''}`;
  }
  // npm passes its own settings on as npm_config_*, which pnpm would warn about.
  for (const name of Object.keys(env)) {
    if (/^npm_(package|lifecycle|command|execpath|node_execpath)/i.test(name)) delete env[name];
  }
  const result = spawnSync(command, args, {
    cwd: root,
    env,
    shell: windows,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  console.error(`setup: \`${command} ${args.join(' ')}\` failed`);
  if (result.error) console.error(result.error.message);
  process.exit(1);
}

const bootstrapStampFile = join(bootstrap, 'node_modules/.spider-setup');
const bootstrapStamp = digest('tools/bootstrap/package.json', 'tools/bootstrap/package-lock.json');
const stamp = digest(
  'tools/bootstrap/package-lock.json',
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
);

if (stampOf(stampFile) !== stamp) {
  const startMs = Date.now();
  console.error('setup: installing Node 24, pnpm and the dependencies (about half a minute) ...');
  rmSync(stampFile, { force: true });
  if (stampOf(bootstrapStampFile) !== bootstrapStamp) {
    run('npm', ['ci', '--prefix', 'tools/bootstrap', '--no-fund', '--no-audit']);
    writeFileSync(bootstrapStampFile, bootstrapStamp);
  }
  run('pnpm', ['install', '--frozen-lockfile'], bootstrapBin);
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
  console.error(`setup: done in ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
}
