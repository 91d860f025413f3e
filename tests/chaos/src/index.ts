export { type ChaosResult, type ChaosRun, runChaos } from './chaos-run.ts';
export { type ChaosOptions, KINDS, type Kind, readOptions } from './options.ts';
