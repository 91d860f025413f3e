import type { JobInstances, TaskReports } from '@spider/proto';

/** One message's worth of reports. */
export interface ReportMessage {
  /** Numbers these messages from 1 over the execution manager's life. */
  readonly sequence: number;
  readonly reports: TaskReports[];
  readonly count: number;
  readonly bytes: number;
}

/** Reports that storage has not yet called flushed, in the order in which they were made. */
export class KeptReports {
  #messages: ReportMessage[] = [];
  #first = 0;
  #count = 0;
  #bytes = 0;

  /** Tasks in all of them. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of their payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  get messages(): readonly ReportMessage[] {
    return this.#messages.slice(this.#first);
  }

  add(message: ReportMessage): void {
    this.#messages.push(message);
    this.#count += message.count;
    this.#bytes += message.bytes;
  }

  /** Forgets all messages up to a number. */
  flushed(sequence: number): void {
    while (this.#first < this.#messages.length) {
      const message = this.#messages[this.#first] as ReportMessage;
      if (message.sequence > sequence) break;
      this.#count -= message.count;
      this.#bytes -= message.bytes;
      this.#first += 1;
    }
    // Gives the places back once they are half of the array.
    if (this.#first * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
  }

  clear(): void {
    this.#messages = [];
    this.#first = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  /** Whatever they report of. */
  instances(): JobInstances[] {
    return this.messages
      .flatMap((message) => message.reports)
      .flatMap((reports) => reports.instances ?? []);
  }
}
