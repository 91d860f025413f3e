import { describeSpills } from '../../test/spill-contract.ts';
import { onMariadb } from '../../test/on-mariadb.ts';

onMariadb(describeSpills);
