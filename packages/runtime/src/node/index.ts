export { CryptoRng } from './crypto-rng.ts';
export { systemClock } from './system-clock.ts';
