import { expect, it } from 'vitest';
import { formatPeerJson, formatPeerRow, type PeerRow } from './peer-row.ts';

const ROW: PeerRow = {
  engine: 'dask',
  version: '2022.12',
  workload: 'layered-10k',
  durability: 'none',
};
const MEASURED: PeerRow = {
  ...ROW,
  measured: {
    tasks: 10_000,
    edges: 28_500,
    seconds: 4,
    tasksPerSecond: 2_500,
    runs: 5,
    cpuMicrosPerTask: {},
    peakRssMb: {},
    spiderIsTimesAsFast: 33.333_333,
  },
};

it('says how many times as fast Spider is', () => {
  expect(formatPeerRow(MEASURED)).toMatch(
    /^layered-10k +dask +none +4\.000 +2500 +33\.3 x +2022\.12$/,
  );
  expect(JSON.parse(formatPeerJson(MEASURED))).toMatchObject({
    suite: 'peers',
    engine: 'dask',
    tasksPerSecond: 2_500,
    spiderIsTimesAsFast: 33.33,
    verified: true,
  });
});

it('says why an engine cannot do it, and then claims nothing', () => {
  const row = { ...ROW, cannot: 'jobs do not depend on jobs' };
  expect(formatPeerRow(row)).toMatch(/none +cannot: jobs do not depend on jobs$/);
  expect(JSON.parse(formatPeerJson(row))).toEqual({ suite: 'peers', ...row });
});
