import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';

import type { Authenticator } from '../auth/authenticator.ts';
import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { RpcServer } from '../rpc/server.ts';

export interface ReloadOptions {
  /** The files that are read. */
  readonly files: readonly string[];
  /** Reads them anew. What it throws is logged, and what was read before stays in effect. */
  readonly reload: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Files that belong together are replaced one after the other. */
const SETTLE_MS = 200;

/** Kubernetes replaces what it mounts by a link of such a name. */
const MOUNTED = '..data';

/** Has a server take renewed certificates and tokens, until it is disposed of. */
export function reloadSecretsOnChange(
  server: Pick<RpcServer, 'tlsFiles' | 'reloadTls'>,
  authenticator: Pick<Authenticator, 'files' | 'reload'>,
  options: Pick<ReloadOptions, 'clock' | 'logger'>,
): Disposable {
  const files = [...server.tlsFiles, ...authenticator.files];
  if (files.length === 0) return { [Symbol.dispose]() {} };
  const reload = async (): Promise<void> => {
    await authenticator.reload();
    await server.reloadTls();
  };
  return reloadOnChange({ ...options, files, reload });
}

/** Reads files anew when one of them was replaced, and at SIGHUP, until it is disposed of. */
export function reloadOnChange({ files, reload, clock, logger }: ReloadOptions): Disposable {
  const names = new Set([...files.map((file) => basename(file)), MOUNTED]);
  let timer: Timer | undefined;
  const run = (): void => {
    timer = undefined;
    reload().then(
      () => logger.info('files were read anew', { files }),
      (error: unknown) => logger.error('files could not be read anew', { files, error }),
    );
  };
  const changed = (): void => {
    timer?.cancel();
    timer = clock.setTimer(SETTLE_MS, run);
  };
  const watchers = [...new Set(files.map((file) => dirname(file)))].map((directory) =>
    watch(directory, { persistent: false }, (_event, name) => {
      if (name !== null && names.has(name)) changed();
    }).on('error', (error) => logger.warn('files are not watched any more', { directory, error })),
  );
  process.on('SIGHUP', changed);
  return {
    [Symbol.dispose]() {
      timer?.cancel();
      process.off('SIGHUP', changed);
      for (const watcher of watchers) watcher.close();
    },
  };
}
