import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely';
import type { Schema } from './schema.ts';

/** Statements of more rows are rare, and compiling them is little beside running them. */
const COMPILED_ROWS_MAX = 16;

/** Stands for a value while a statement is compiled. */
class Slot {
  readonly row: number;
  readonly name: string;

  constructor(row: number, name: string) {
    this.row = row;
    this.name = name;
  }
}

/**
 * A statement that is put together and compiled once for a database, and run with other values each
 * time: compiling costs several times what a small statement does in SQLite. It takes rows of values,
 * as an insertion does; most take one. The values must not change its text, but for how many rows they
 * are.
 *
 * @example
 *   const findState = new Statement((database, { id }: { id: JobId }) =>
 *     database.selectFrom('jobs').select('state').where('id', '=', id),
 *   );
 *   const { rows } = await findState.run(transaction, { id });
 */
export class Statement<Values extends object, Row> {
  readonly #build: (database: Kysely<Schema>, ...rows: Values[]) => Compilable<Row>;
  /** By what knows the dialect, of which each database has its own; then by the number of rows. */
  readonly #compiled = new WeakMap<object, CompiledQuery<Row>[]>();

  constructor(build: (database: Kysely<Schema>, ...rows: Values[]) => Compilable<Row>) {
    this.#build = build;
  }

  async run(database: Kysely<Schema>, ...rows: Values[]): Promise<QueryResult<Row>> {
    if (rows.length > COMPILED_ROWS_MAX) {
      return await database.executeQuery(this.#build(database, ...rows));
    }
    const query = this.#compiledFor(database, rows.length);
    const parameters = query.parameters.map((parameter) =>
      parameter instanceof Slot ? valueAt(rows[parameter.row], parameter.name) : parameter,
    );
    return await database.executeQuery<Row>({ ...query, parameters });
  }

  #compiledFor(database: Kysely<Schema>, rowCount: number): CompiledQuery<Row> {
    const { adapter } = database.getExecutor();
    let byRowCount = this.#compiled.get(adapter);
    if (byRowCount === undefined) {
      byRowCount = [];
      this.#compiled.set(adapter, byRowCount);
    }
    const slots = (_: unknown, row: number): Values => slotsOf(row);
    return (byRowCount[rowCount] ??= this.#build(
      database,
      ...Array.from({ length: rowCount }, slots),
    ).compile());
  }
}

/** Answers for every name the slot that stands for its value. */
const slotsOf = <Values extends object>(row: number): Values =>
  new Proxy({}, { get: (_, name) => new Slot(row, String(name)) }) as Values;

const valueAt = (row: object | undefined, name: string): unknown =>
  (row as Readonly<Record<string, unknown>> | undefined)?.[name];
