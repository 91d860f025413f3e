/** Turns passwords into what may be stored. Both calls take their time, off the event loop. */
export interface PasswordHasher {
  /** A different text each time, of at most 256 characters, that says how it was made. */
  hash(password: Uint8Array): Promise<string>;
  /**
   * Whether `hash` was made from this password. Takes as long if not.
   *
   * @throws Error if `hash` is none of this kind.
   */
  verify(password: Uint8Array, hash: string): Promise<boolean>;
}
