// The job machine alone, without I/O: for benchmarks and simulations.
export { JobMachine } from './machine/job-machine.ts';
export type { JobMachineOptions, JobProgress } from './machine/job-machine.ts';
export type { ContextsEffect, JobEffect } from './machine/job-effect.ts';
export type { JobEvent } from './machine/job-event.ts';
