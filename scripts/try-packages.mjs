// Tries the packages as their users get them: packs them, installs them in an empty folder outside the
// repository, and runs the job of the README there: `spider dev`, and the client beside it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { packPackages } from './lib/pack.mjs';
import { toolEnv } from './lib/turbo.mjs';
import { root } from './lib/workspace.mjs';

const READY_WITHIN_MS = 60_000;
const EXPECTED = 'the square root of 25 is 5';

const folder = mkdtempSync(join(tmpdir(), 'spider-try-'));
try {
  await install();
  const said = await runHello();
  if (said !== EXPECTED) throw new Error(`the job said "${said}" instead of "${EXPECTED}"`);
  console.log(`the packed packages work on their own: ${said}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function install() {
  const tarballs = join(folder, 'tarballs');
  const project = join(folder, 'project');
  mkdirSync(tarballs);
  mkdirSync(join(project, 'hello'), { recursive: true });
  const packed = await packPackages(tarballs);
  console.log(`packed ${packed.length} packages`);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  run('npm', ['install', '--no-audit', '--no-fund', ...packed.map(({ file }) => file)], project);
  for (const file of ['index.ts', 'main.ts']) {
    cpSync(join(root, 'examples/hello/src', file), join(project, 'hello', file));
  }
  const manifest = { name: 'hello', version: '0.1.0', type: 'module', exports: './index.ts' };
  writeFileSync(join(project, 'hello/package.json'), JSON.stringify(manifest));
}

async function runHello() {
  const project = join(folder, 'project');
  const dev = spawn('npx', ['spider', 'dev', '--port', '0'], {
    cwd: project,
    env: toolEnv(),
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  try {
    const url = await urlOf(dev);
    return run(process.execPath, [join(project, 'hello/main.ts'), url], project).trim();
  } finally {
    if (dev.pid !== undefined) process.kill(-dev.pid, 'SIGTERM');
    await once(dev, 'close');
  }
}

function urlOf(dev) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('spider dev did not get ready')), READY_WITHIN_MS).unref();
    dev.once('exit', (code) => reject(new Error(`spider dev ended with code ${code}`)));
    createInterface(dev.stdout).on('line', (line) => {
      const ready = /ready at (http:\S+)/.exec(line);
      if (ready) resolve(ready[1]);
    });
  });
}

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env: toolEnv(),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${command} ended with code ${status}:\n${stdout}${stderr}`);
  return stdout;
}
