export { openMemoryStore } from './testing/memory-store.ts';
