import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceBinaries } from '@spider/local-cluster';

/** The services that this version of the command line depends on, wherever it is installed. */
export function serviceBinaries(): ServiceBinaries {
  return {
    storage: mainOf('@spider/app-storage'),
    scheduler: mainOf('@spider/app-scheduler'),
    executionManager: mainOf('@spider/app-em'),
  };
}

const mainOf = (app: string): string =>
  join(dirname(fileURLToPath(import.meta.resolve(`${app}/package.json`))), 'dist', 'main.js');
