import { SpiderError } from '@spider/core';

/**
 * Several places where the same service may be found. One of them is current until it fails, then
 * the next one is, round and round.
 */
export class EndpointList {
  readonly #urls: readonly string[];
  #position = 0;
  #failuresInRow = 0;

  /** @throws SpiderError 'invalid-argument' if the list is empty. */
  constructor(urls: readonly string[]) {
    if (urls.length === 0) throw new SpiderError('invalid-argument', 'no endpoint is given');
    this.#urls = [...urls];
  }

  get current(): string {
    return this.#urls[this.#position] as string;
  }

  /**
   * How often the whole list has failed since the last success. While it is 0 there are endpoints
   * that nobody has tried, and no reason to wait; after that it counts the attempts for
   * `backoffDelayMs`, from 1.
   */
  get failedRounds(): number {
    return Math.floor(this.#failuresInRow / this.#urls.length);
  }

  reportSuccess(): void {
    this.#failuresInRow = 0;
  }

  /** Makes the next endpoint the current one, and answers it. */
  reportFailure(): string {
    this.#failuresInRow++;
    this.#position = (this.#position + 1) % this.#urls.length;
    return this.current;
  }
}
