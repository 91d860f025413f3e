import { ExecutionManagerService, type SpawnExecutor } from '@spider/execution-manager';
import { createTransport, silentLogger } from '@spider/runtime';
import { CryptoRng, systemClock } from '@spider/runtime/node';

const SLOTS = 2;

/** As the configuration has it by default. */
const LIVENESS = { silenceMs: 2_000, attemptMs: 1_000 };

/** An execution manager as it is, but that its executors are no processes and run nothing. */
export class IdleWorker implements AsyncDisposable {
  readonly #service: ExecutionManagerService;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #close: () => void;

  private constructor(url: string) {
    const transport = createTransport({ url });
    this.#close = () => transport.close();
    this.#service = new ExecutionManagerService({
      clock: systemClock,
      rng: new CryptoRng(),
      logger: silentLogger,
      connect: () => transport,
      spawn: spawnNothing,
      host: 'bench',
      version: '0.0.0',
      slots: SLOTS,
      storageEndpoints: [url],
      schedulerEndpoints: [url],
      liveness: LIVENESS,
      cancelGraceMs: 1_000,
      startTimeoutMs: 10_000,
      drainTimeoutMs: 10_000,
    });
    this.#running = this.#service.run(this.#stop.signal);
  }

  /** Resolves when it is registered. */
  static async start(url: string): Promise<IdleWorker> {
    const worker = new IdleWorker(url);
    await worker.#service.ready;
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#service[Symbol.asyncDispose]();
    this.#close();
  }
}

const spawnNothing: SpawnExecutor = (callbacks) => {
  queueMicrotask(() => callbacks.onStarted(false));
  const end = (): void => queueMicrotask(() => callbacks.onExit({ code: 0, signal: undefined }));
  return {
    execute: () => undefined,
    cancel: () => undefined,
    askBack: () => undefined,
    kill: end,
    close: end,
  };
};
