import type {
  AbortableOperationOptions,
  CompiledQuery,
  DatabaseConnection,
  QueryResult,
  SqliteDialectConfig,
} from 'kysely';
import type { Clock } from '@spider/runtime';
import { RolledBackDriver } from './rolled-back-driver.ts';

export type TurnClock = Pick<Clock, 'monotonicUs' | 'defer'>;

/** How long statements may follow one another while all else waits. */
const TURN_US = 4_000;

/**
 * SQLite's statements run where they are called, and a transaction of many large rows would hold the
 * process up for as long as it takes. This lets the event loop turn between statements. Nobody else can
 * use the connection meanwhile: kysely gives it away only after the transaction.
 */
export class TurnTakingDriver extends RolledBackDriver {
  readonly #clock: TurnClock;
  #connection: DatabaseConnection | undefined;

  constructor(config: SqliteDialectConfig, clock: TurnClock) {
    super(config);
    this.#clock = clock;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    this.#connection ??= new TurnTakingConnection(await super.acquireConnection(), this.#clock);
    return this.#connection;
  }
}

class TurnTakingConnection implements DatabaseConnection {
  readonly #connection: DatabaseConnection;
  readonly #clock: TurnClock;
  #spentUs = 0;

  constructor(connection: DatabaseConnection, clock: TurnClock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async executeQuery<Row>(
    query: CompiledQuery,
    options?: AbortableOperationOptions,
  ): Promise<QueryResult<Row>> {
    const startUs = this.#clock.monotonicUs();
    const running = this.#connection.executeQuery<Row>(query, options);
    this.#spentUs += this.#clock.monotonicUs() - startUs;
    const result = await running;
    if (this.#spentUs >= TURN_US) {
      this.#spentUs = 0;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#clock.defer(resolve);
      await promise;
    }
    return result;
  }

  streamQuery<Row>(
    query: CompiledQuery,
    chunkSize: number,
    options?: AbortableOperationOptions,
  ): AsyncIterableIterator<QueryResult<Row>> {
    return this.#connection.streamQuery<Row>(query, chunkSize, options);
  }
}
