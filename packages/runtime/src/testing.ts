export { ManualClock } from './testing/manual-clock.ts';
export { RecordingLogger } from './testing/recording-logger.ts';
export type { LogLine } from './testing/recording-logger.ts';
export { TestAuthority, writeCertificate } from './testing/certificates.ts';
export type { IssueOptions, KeyAndCertificate } from './testing/certificates.ts';
