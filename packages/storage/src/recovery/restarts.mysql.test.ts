import { describeRestarts } from '../../test/restart-contract.ts';
import { onMariadb } from '../../test/on-mariadb.ts';

onMariadb(describeRestarts);
