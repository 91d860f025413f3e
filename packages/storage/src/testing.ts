export {
  type MemoryDatabase,
  openMemoryDatabase,
  openMemoryStore,
} from './testing/memory-store.ts';
export { JournalDecoder } from './journal/journal-record.ts';
