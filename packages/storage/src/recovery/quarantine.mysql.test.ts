import { describeQuarantine } from '../../test/quarantine-contract.ts';
import { onMariadb } from '../../test/on-mariadb.ts';

onMariadb(describeQuarantine);
