// To run storage.
export { StorageService } from './storage-service.ts';
export type { StorageServiceOptions } from './storage-service.ts';
export type { StorageUsage } from './storage-usage.ts';
export { createStandbyClusterService } from './rpc/cluster-service.ts';
export type { ServerIdentity } from './rpc/cluster-service.ts';
export { STORAGE_SERVICES } from './rpc/services.ts';
export {
  effectiveStorageFile,
  storageConfigSchema,
  storageFileSchema,
  toStorageConfig,
} from './config.ts';
export type { StorageConfig } from './config.ts';
export { openStore } from './db/open-store.ts';
export type { DatabaseOptions } from './db/open-store.ts';
export { Database } from './db/database.ts';
export type { ActiveDatabase } from './db/active-database.ts';
export type { HeldLease, LeaseTerms, WriterLease } from './db/writer-lease.ts';
export { awaitActivation } from './lease/await-activation.ts';
export type { AwaitActivationOptions } from './lease/await-activation.ts';
export { WriterLeaseKeeper } from './lease/writer-lease-keeper.ts';
export type { WriterLeaseKeeperOptions, WriterRight } from './lease/writer-lease-keeper.ts';
export { SupersededError } from './db/store-error.ts';
export type { Store } from './db/job-store.ts';

// For a scheduler in the same process.
export type {
  ReadyTaskFeed,
  ReadyTaskHandlers,
  ReadyTasks,
  ReadyTaskStream,
} from './queue/ready-task-feed.ts';
