export { runExecutionManager } from './run-execution-manager.ts';
