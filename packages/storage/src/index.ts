// To run storage.
export { StorageService } from './storage-service.ts';
export type { StorageServiceOptions } from './storage-service.ts';
export { storageConfigSchema } from './config.ts';
export type { StorageConfig } from './config.ts';
export { openStore } from './db/open-store.ts';
export type { DatabaseOptions } from './db/open-store.ts';
export { SupersededError } from './db/store-error.ts';
export type { Store } from './db/job-store.ts';

// For a scheduler in the same process.
export type {
  ReadyTaskFeed,
  ReadyTaskHandlers,
  ReadyTasks,
  ReadyTaskStream,
} from './queue/ready-task-feed.ts';
