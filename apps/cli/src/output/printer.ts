import { toJson } from './json-value.ts';
import { type Column, formatTable } from './table.ts';

/** Where a command's answer goes; `process.stdout` is one. */
export interface PrinterOutput {
  write(text: string): unknown;
}

/** Prints what a command has found: tables and lines for people, or JSON. */
export class Printer {
  readonly isJson: boolean;
  readonly #output: PrinterOutput;

  constructor(output: PrinterOutput, isJson: boolean) {
    this.#output = output;
    this.isJson = isJson;
  }

  /** One thing: `text` for people, `value` as JSON. */
  one(value: unknown, text: () => string): void {
    this.#line(this.isJson ? toJson(value) : text());
  }

  /** Several: a table for people, or what is said of none; an object a line as JSON. */
  list<Row>(rows: readonly Row[], columns: readonly Column<Row>[], none: string): void {
    if (this.isJson) for (const row of rows) this.#line(toJson(row));
    else this.#line(rows.length === 0 ? none : formatTable(columns, rows));
  }

  #line(text: string): void {
    this.#output.write(`${text}\n`);
  }
}
