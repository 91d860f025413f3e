export { runStorage } from './run-storage.ts';
