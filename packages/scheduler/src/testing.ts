// The two sides of a scheduler, for tests.
export { Changes } from './testing/changes.ts';
export { ScriptedExecutionManager } from './testing/scripted-execution-manager.ts';
export {
  ScriptedReadyTaskSource,
  ScriptedReadyTaskStream,
} from './testing/scripted-ready-task-source.ts';
export { ScriptedStorage } from './testing/scripted-storage.ts';
