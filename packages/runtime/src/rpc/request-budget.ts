import { Code, ConnectError } from '@connectrpc/connect';

/** The memory for requests that have arrived, in part or as a whole, and are not answered. */
export class RequestBudget {
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Bytes of all requests now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** One request's share. Disposed of when it is answered. */
  open(): RequestShare {
    let share = 0;
    return {
      take: (bytes) => {
        if (this.#bytes + bytes > this.#mostBytes) {
          const reason = `requests of more than ${this.#mostBytes} bytes are being answered, the limit`;
          throw new ConnectError(reason, Code.ResourceExhausted);
        }
        this.#bytes += bytes;
        share += bytes;
      },
      [Symbol.dispose]: () => {
        this.#bytes -= share;
        share = 0;
      },
    };
  }
}

export interface RequestShare extends Disposable {
  /** @throws ConnectError RESOURCE_EXHAUSTED if there is no room for so many more bytes. */
  take(bytes: number): void;
}
