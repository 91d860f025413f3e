import { describe, expect, it } from 'vitest';
import { formatDuration, formatProgress, formatProgressBar } from './format-progress.ts';
import { ProgressMeter } from './progress-meter.ts';

describe('the progress meter', () => {
  it('tells the rate and the time left', () => {
    const meter = new ProgressMeter(1_000);
    expect(meter.observe(500, 2_000, 2_000)).toEqual({
      doneTasks: 500,
      totalTasks: 2_000,
      tasksPerSecond: 500,
      secondsLeft: 3,
    });
  });

  it('forgets what is more than a few seconds old', () => {
    const meter = new ProgressMeter(0);
    meter.observe(10_000, 20_000, 1_000);
    meter.observe(10_000, 20_000, 6_500);
    expect(meter.observe(10_100, 20_000, 7_500).tasksPerSecond).toBeLessThan(200);
  });

  it('makes no guess while nothing moves', () => {
    expect(new ProgressMeter(0).observe(0, 10, 1_000).secondsLeft).toBeUndefined();
    expect(new ProgressMeter(0).observe(0, 10, 0).tasksPerSecond).toBe(0);
  });
});

describe('a line of progress', () => {
  const half = { doneTasks: 50, totalTasks: 100, tasksPerSecond: 12.4, secondsLeft: 4 };

  it('is plain text', () => {
    expect(formatProgress(half)).toBe('50/100 tasks (50 %), 12 tasks/s, 4.0 s left');
    expect(formatProgress({ ...half, doneTasks: 100 })).toContain('(100 %), 12 tasks/s, done');
    expect(formatProgress({ ...half, secondsLeft: undefined })).toContain('waiting');
  });

  it('has a bar on a terminal, and never wraps', () => {
    expect(formatProgressBar(half, 200)).toMatch(/^█{12}░{12} 50\/100/);
    expect(formatProgressBar(half, 20)).toHaveLength(19);
  });

  it('names spans of time as people do', () => {
    expect([0.04, 9.94, 42.4, 185, 7_650].map(formatDuration)).toEqual([
      '0.0 s',
      '9.9 s',
      '42 s',
      '3 min 05 s',
      '2 h 07 min',
    ]);
  });
});
