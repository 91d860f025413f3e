import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder of files for a test, which goes when it is disposed of. */
export class TemporaryDirectory implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'spider-em-')));

  /** Writes a file, with the folders on the way to it. */
  put(name: string, content: string | object): void {
    const path = this.at(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  }

  /** Makes a link to something in the folder, or at an absolute path. */
  link(name: string, target: string): void {
    const path = this.at(name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target.startsWith('/') ? target : this.at(target), path);
  }

  at(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
