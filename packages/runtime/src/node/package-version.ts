import { readFileSync } from 'node:fs';

/**
 * The version in a package's manifest.
 *
 * @example const version = packageVersion(new URL('../package.json', import.meta.url));
 */
export function packageVersion(manifest: URL): string {
  const content: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  const hasVersion = typeof content === 'object' && content !== null && 'version' in content;
  return hasVersion ? String(content.version) : 'unknown';
}
