/**
 * Owns: stage 2 as a whole: what sources, outcomes, timers and settings tell becomes, per cluster and in order, the
 * observations that its actor takes.
 * Called by: the operator's pipeline.
 */
import { Observable, type OperatorFunction } from 'rxjs';
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import type { Versions } from '#src/decision/record.ts';
import type { ObserverPorts } from './desk.ts';
import type { Addressed, Letter, StreamInput, StreamReports } from './items.ts';
import { mailboxes } from './mailboxes.ts';
import { createObserver } from './observe.ts';
import { createSights } from './sights.ts';

export interface StreamPorts extends Omit<ObserverPorts, 'emit'> {
  /** Whether the journal can be written: while it cannot, observations wait here. */
  readonly writable: Observable<boolean>;
}

export interface Stream {
  /** To be subscribed once; a second subscription would have clusters and sights of the first. */
  readonly observations: OperatorFunction<StreamInput, Addressed>;
  /** Newest uid and resourceVersion by kind and name, as the watches told them; for the decision's preconditions. */
  readonly versions: (clusterUid: string) => Versions;
  /** What the actor of a cluster knows already from its journal; call it before the actor takes its first observation. */
  readonly remember: (clusterUid: string, objects: Iterable<ObjectProjection>) => void;
}

/** The stage, ready to be put into the line. */
export function createStream(ports: StreamPorts): Stream {
  const sights = createSights(ports.reports.repeated);
  let deliver: (letter: Letter) => void = () => undefined;
  // What equals a sight that is still on its way is not skipped yet: that one will be decided.
  const repeated: StreamReports['repeated'] = (kind, skipped) => {
    const isOnItsWay =
      skipped?.observation.type === 'ObjectSeen' && !sights.wasTold(skipped.cluster.uid, skipped.observation.object);
    ports.reports.repeated(kind, isOnItsWay ? null : skipped);
  };
  const reports = { ...ports.reports, repeated };
  const observer = createObserver({ ...ports, reports, emit: (letter) => deliver(letter) });

  const observed: OperatorFunction<StreamInput, Letter> = (inputs) =>
    new Observable((subscriber) => {
      deliver = (letter) => subscriber.next(letter);
      return inputs.subscribe({
        next: observer.accept,
        error: (cause: unknown) => subscriber.error(cause),
        complete: () => subscriber.complete(),
      });
    });

  return {
    observations: (inputs) =>
      new Observable((subscriber) =>
        inputs.pipe(observed, mailboxes(ports)).subscribe({
          next: (letter) => {
            const addressed = sights.opened(letter);
            if (addressed !== null) subscriber.next(addressed);
          },
          error: (cause: unknown) => subscriber.error(cause),
          complete: () => subscriber.complete(),
        }),
      ),
    versions: observer.versions,
    remember: sights.remember,
  };
}
