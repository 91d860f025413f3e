/** What an executor that runs in a thread of its execution manager finds as its worker data. */
export interface ExecutorThreadData {
  /** One number: how many bytes of text it has posted that nobody has taken yet. */
  readonly untakenText: Int32Array<SharedArrayBuffer>;
}

/**
 * What an executor in a thread posts: frames of results, in the format of the executor pipe, or text
 * for people. It is posted frames of requests.
 */
export type ExecutorThreadMessage = Uint8Array | { readonly text: Uint8Array };

/** An executor in a thread holds up whoever prints while more than this was not taken. */
export const THREAD_TEXT_BYTES_MAX = 256 * 1024;
