import { formatDuration } from '@spider/client';

/** A point in time for people, by the clock of their machine: `2026-11-24 14:05:09`. */
export function formatTime(timeMs: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const at = new Date(timeMs);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** How long something of which start and end are known took, or takes until `now`. */
export function formatSpan(
  startMs: number | undefined,
  endMs: number | undefined,
  now: number,
): string | undefined {
  if (startMs === undefined) return undefined;
  return formatDuration(Math.max(0, (endMs ?? now) - startMs) / 1_000);
}

/** A short time, such as that of a task: `85 µs`, `4.2 ms`, `1.3 s`. */
export function formatMicros(us: number): string {
  if (us < 1_000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${(us / 1_000).toFixed(1)} ms`;
  return formatDuration(us / 1_000_000);
}
