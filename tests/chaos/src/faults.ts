import { execFile } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SOURCE = fileURLToPath(new URL('../shim/faults.c', import.meta.url));

/** Where the numbers lie that the library reads. */
const CLOCK_OFFSET_AT = 0;
const FSYNC_FAILS_AT = 8;
const DISK_IS_FULL_AT = 16;
const FILE_LENGTH = 24;

/** Faults of the machine, as a library that is loaded into processes before the C library. */
export class FaultShim {
  readonly #directory: string;
  readonly #library: string;

  private constructor(directory: string, library: string) {
    this.#directory = directory;
    this.#library = library;
  }

  /** Undefined where it can't be compiled or loaded; the reason is logged. */
  static async build(
    directory: string,
    log: (line: string) => void,
  ): Promise<FaultShim | undefined> {
    if (process.platform !== 'linux') {
      log('disk and clock are left alone: faults are loaded into processes on Linux only');
      return undefined;
    }
    mkdirSync(directory, { recursive: true });
    const library = join(directory, 'faults.so');
    const run = promisify(execFile);
    try {
      await run('cc', ['-shared', '-fPIC', '-O2', '-o', library, SOURCE, '-ldl']);
      // A C library of another kind may lack what is to be replaced.
      await run(process.execPath, ['-e', ''], { env: { LD_PRELOAD: library } });
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      log(`disk and clock are left alone, as the library of faults can't be made: ${reason}`);
      return undefined;
    }
    return new FaultShim(directory, library);
  }

  /** A set of faults for one process, which remains when that is started again. */
  faultsOf(processName: string): Faults {
    return new Faults(join(this.#directory, processName), this.#library);
  }
}

/** The faults of one process. */
export class Faults implements Disposable {
  /** What the process is to be started with. */
  readonly env: NodeJS.ProcessEnv;
  readonly #file: number;

  constructor(path: string, library: string) {
    this.#file = openSync(path, 'w+');
    writeSync(this.#file, Buffer.alloc(FILE_LENGTH));
    this.env = { LD_PRELOAD: library, SPIDER_FAULTS: path };
  }

  /** The clock of the day is so much ahead of the machine's; the monotonic one never is. */
  setClockOffset(ms: number): void {
    this.#write(CLOCK_OFFSET_AT, BigInt(Math.round(ms)) * 1_000_000n);
  }

  setFsyncFails(fails: boolean): void {
    this.#write(FSYNC_FAILS_AT, fails ? 1n : 0n);
  }

  setDiskFull(isFull: boolean): void {
    this.#write(DISK_IS_FULL_AT, isFull ? 1n : 0n);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #write(at: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    writeSync(this.#file, bytes, 0, bytes.length, at);
  }
}
