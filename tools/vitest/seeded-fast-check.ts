import fc from 'fast-check';

/**
 * Property tests draw the same values in each run, so that a run says something about the change it
 * is made for. `SPIDER_PROPERTY_SEED=N` draws others, `SPIDER_PROPERTY_SEED=random` new ones each
 * time.
 */
const given = process.env['SPIDER_PROPERTY_SEED'] ?? '1';
if (given !== 'random') fc.configureGlobal({ seed: Number(given) });

export * from 'fast-check';
export default fc;
