/** Tries of a read before its error is faced. With the pauses between them they take 15 seconds. */
export const READ_ROUNDS = 9;
