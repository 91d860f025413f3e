import { expect, test } from 'vitest';
import { runFuzz } from './fuzz/run-fuzz.ts';

test('no sequence of calls, sound or hostile, stops storage or breaks a job', async () => {
  const { findings, answers } = await runFuzz({
    calls: 1_000,
    seed: 20_261_124,
    database: 'memory',
    connections: 4,
  });
  expect(findings).toEqual([]);
  // It was no empty exercise.
  const codes = new Set(Object.keys(answers).map((answer) => answer.split(' ')[1]));
  for (const code of ['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'FAILED_PRECONDITION']) {
    expect(codes).toContain(code);
  }
  for (const done of [
    '/storage.TaskInstanceManagementService/RegisterTaskInstance OK',
    '/storage.TaskInstanceManagementService/ReportTaskSuccess OK',
    '/storage.TaskInstanceManagementService/ReportTaskFailure OK',
  ]) {
    expect(answers[done], done).toBeGreaterThan(0);
  }
}, 240_000);
