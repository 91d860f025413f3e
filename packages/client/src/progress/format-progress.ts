import type { ProgressReading } from './progress-meter.ts';

const BAR_CELLS = 24;

/** One line that says how far a job is, for a log or a pipe. */
export function formatProgress(reading: ProgressReading): string {
  const { doneTasks, totalTasks } = reading;
  const percent = totalTasks === 0 ? 100 : Math.floor((doneTasks * 100) / totalTasks);
  const rate = `${Math.round(reading.tasksPerSecond)} tasks/s`;
  return `${doneTasks}/${totalTasks} tasks (${percent} %), ${rate}, ${formatLeft(reading)}`;
}

/** The same with a bar before it, for a terminal of `columns` columns. */
export function formatProgressBar(reading: ProgressReading, columns: number): string {
  const share = reading.totalTasks === 0 ? 1 : reading.doneTasks / reading.totalTasks;
  const full = Math.floor(share * BAR_CELLS);
  const bar = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
  return `${bar} ${formatProgress(reading)}`.slice(0, Math.max(0, columns - 1));
}

function formatLeft({ doneTasks, totalTasks, secondsLeft }: ProgressReading): string {
  if (doneTasks >= totalTasks) return 'done';
  if (secondsLeft === undefined) return 'waiting';
  return `${formatDuration(secondsLeft)} left`;
}

/** A span of time for people: `0.4 s`, `42 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}
