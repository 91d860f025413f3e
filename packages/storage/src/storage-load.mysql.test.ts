import { onMariadb } from '../test/on-mariadb.ts';
import { describeLoads } from './testing/load-contract.ts';

onMariadb((engine, onDatabase) => {
  describeLoads(engine, (run) => onDatabase(async (open) => run(await open())));
});
