/** Rounds of a submission over all endpoints. With the pauses between them they take 15 seconds. */
export const SUBMIT_ROUNDS = 9;
