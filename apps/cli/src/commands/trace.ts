import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@spider/runtime/node';
import { Command, InvalidArgumentError } from 'commander';
import { makespanLowerBoundSeconds } from '../trace/makespan-bound.ts';
import { runTrace } from '../trace/run-trace.ts';
import { parseWorkflowTrace } from '../trace/workflow-trace.ts';
import { integerOption } from './integer-option.ts';

interface TraceRunOptions {
  readonly timeScale: number;
  readonly slots: number;
}

/** `spider trace`: recorded workflows. */
export function traceCommand(signal: AbortSignal): Command {
  const run = new Command('run')
    .exitOverride()
    .description('Runs a recorded workflow as a job whose tasks take their recorded time, scaled.')
    .argument('<file>', 'a workflow trace in WfFormat 1.5 (WfCommons)')
    .option('--time-scale <factor>', 'what the recorded times are multiplied by', timeScale, 0.001)
    .option(
      '--slots <number>',
      'tasks that run at the same time',
      integerOption(1, 1_024),
      availableParallelism(),
    )
    .addHelpText(
      'after',
      '\nIt starts a cluster of its own, checks that every task ran exactly once and after its\n' +
        'parents, and prints the makespan beside its lower bound: the larger of the critical path\n' +
        'and the total work divided by the slots.',
    )
    .action(async (file: string, options: TraceRunOptions) => {
      await runTraceFile(file, options, signal);
    });
  return new Command('trace')
    .exitOverride()
    .description('Runs recorded workflows.')
    .addCommand(run);
}

async function runTraceFile(
  file: string,
  { timeScale, slots }: TraceRunOptions,
  signal: AbortSignal,
): Promise<void> {
  const trace = parseWorkflowTrace(await readFile(file, 'utf8'));
  const directory = await mkdtemp(join(tmpdir(), 'spider-trace-'));
  try {
    const { jobId, makespanSeconds } = await runTrace(trace, {
      timeScale,
      slots,
      directory,
      signal,
      clock: systemClock,
      progress: process.stderr,
    });
    const bound = makespanLowerBoundSeconds(trace, slots) * timeScale;
    process.stdout.write(
      `trace: job ${jobId} SUCCEEDED: ${trace.tasks.length} tasks of ${trace.name} ran once each ` +
        `and after their parents, makespan ${makespanSeconds.toFixed(3)} s, lower bound ` +
        `${bound.toFixed(3)} s on ${slots} slots (ratio ${(makespanSeconds / bound).toFixed(2)})\n`,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function timeScale(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1_000) return value;
  throw new InvalidArgumentError('It must be a number from 0 to 1000, such as 0.001.');
}
