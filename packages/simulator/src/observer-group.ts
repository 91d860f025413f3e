import type { Observer } from './observer.ts';

/** Tells several observers what it is told. */
export function observerGroup(observers: readonly Observer[]): Required<Observer> {
  const tell =
    <Name extends keyof Observer>(name: Name) =>
    (...args: Parameters<Required<Observer>[Name]>): void => {
      for (const observer of observers) {
        const method = observer[name] as ((...given: typeof args) => void) | undefined;
        method?.(...args);
      }
    };
  return {
    jobSubmitted: tell('jobSubmitted'),
    cancelAnswered: tell('cancelAnswered'),
    progressSeen: tell('progressSeen'),
    jobEnded: tell('jobEnded'),
    contextsIssued: tell('contextsIssued'),
    taskStarted: tell('taskStarted'),
    taskEnded: tell('taskEnded'),
    journaled: tell('journaled'),
    written: tell('written'),
  };
}
