import type { Checker } from '../observer.ts';

export const supersededWritesNothing: Checker = {
  name: 'superseded-writes-nothing',
  promise: 'A storage changes nothing in the database once another session was opened on it.',
  watch: (violated) => ({
    written: (session, newestSession) => {
      if (session === newestSession) return;
      violated(`session ${session} wrote after session ${newestSession} was opened`);
    },
  }),
};
