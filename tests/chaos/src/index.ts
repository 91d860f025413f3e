export { type BlowName, BLOWS } from './blows/blow.ts';
export { type ChaosResult, runChaos } from './chaos-run.ts';
export { type ChaosOptions, readOptions } from './options.ts';
