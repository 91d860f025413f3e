// Looks at each package that is published as its users get it, packed: its entry points (publint), the
// types that they see (attw), its README and licence; then at the licences of all they depend on.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

import { packPackages } from './lib/pack.mjs';
import { toolEnv } from './lib/turbo.mjs';
import { root } from './lib/workspace.mjs';

/** Licences under which what we depend on may be given on with Apache-2.0. */
const LICENCES = ['MIT', 'ISC', 'Apache-2.0', 'BSD-3-Clause', '(Apache-2.0 AND BSD-3-Clause)'];
/** The packages are ESM, for resolution by `exports`; what others would see is no finding. */
const NOT_SERVED = ['node10', 'node16-cjs'];

const findings = [];
const folder = mkdtempSync(join(tmpdir(), 'spider-packages-'));
try {
  for (const { name, manifest, file } of await packPackages(folder)) {
    for (const finding of await examine(manifest, readFileSync(file))) {
      findings.push(`${name}: ${finding}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
findings.push(...foreignLicences());
for (const finding of findings) console.error(finding);
process.exitCode = findings.length === 0 ? 0 : 1;

async function examine(manifest, tarball) {
  const contents = createPackageFromTarballData(new Uint8Array(tarball));
  const missing = ['README.md', 'LICENSE'].filter(
    (file) => !contents.fileExists(`/node_modules/${manifest.name}/${file}`),
  );
  const { messages } = await publint({ pack: { tarball: contentsOf(tarball) } });
  const { types, problems } = await checkPackage(contents);
  return [
    ...missing.map((file) => `${file} is missing`),
    ...messages.map((message) => formatMessage(message, manifest, { color: false })),
    ...(types ? [] : ['it has no types']),
    ...(problems ?? [])
      .filter(({ resolutionKind }) => !NOT_SERVED.includes(resolutionKind))
      .map(({ kind, entrypoint }) => `${kind} ${entrypoint ?? ''}`),
  ];
}

/** publint takes an ArrayBuffer of its own. */
function contentsOf(buffer) {
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}

function foreignLicences() {
  const { stdout } = spawnSync('pnpm', ['--recursive', 'licenses', 'list', '--prod', '--json'], {
    cwd: root,
    env: toolEnv(),
    encoding: 'utf8',
    shell: process.platform === 'win32',
    maxBuffer: 64 * 1024 * 1024,
  });
  return Object.entries(JSON.parse(stdout))
    .filter(([licence]) => !LICENCES.includes(licence))
    .map(([licence, uses]) => `${uses.map(({ name }) => name).join(', ')}: licence ${licence}`);
}
