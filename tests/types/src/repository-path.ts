import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url);

/** The absolute path of a file of this repository. */
export const repositoryPath = (path: string): string => fileURLToPath(new URL(path, ROOT));
