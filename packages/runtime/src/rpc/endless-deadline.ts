/** The longest that Node's timers wait; longer ones would be over at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/** Some clients say "no deadline" by one in years. Takes it out of a request's headers. */
export function dropEndlessDeadline(header: Headers): void {
  const [, count, unit = ''] = /^(\d{1,8})([HMS])$/.exec(header.get('grpc-timeout') ?? '') ?? [];
  if (Number(count) * (UNIT_MS[unit] ?? 0) > TIMER_MS_MAX) header.delete('grpc-timeout');
  if (Number(header.get('connect-timeout-ms')) > TIMER_MS_MAX) header.delete('connect-timeout-ms');
}
