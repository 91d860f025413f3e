import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimestampMs } from '@spider/core';
import type { Clock } from '@spider/runtime';
import { RecordingLogger } from '@spider/runtime/testing';
import { openStore } from '../db/open-store.ts';
import { TestStorage } from './test-storage.ts';

/** One database file, and starts of storage on it, one after the other. */
export class Restarts implements AsyncDisposable {
  readonly #folder: string;
  readonly logger = new RecordingLogger();
  #current: TestStorage | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(): Promise<Restarts> {
    return new Restarts(await mkdtemp(join(tmpdir(), 'spider-restart-')));
  }

  get store(): ReturnType<typeof openStore> {
    const path = join(this.#folder, 'store.sqlite');
    return openStore({ engine: 'sqlite', path }, 1 as TimestampMs);
  }

  /** Ends the storage that runs as a crash does, with all it had not written, and starts another. */
  async start(config: unknown = {}, clock?: Clock): Promise<TestStorage> {
    await this.#current?.[Symbol.asyncDispose]();
    const { logger } = this;
    this.#current = await TestStorage.start({
      store: await this.store,
      logger,
      config,
      ...(clock && { clock }),
    });
    return this.#current;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#current?.[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
