/**
 * Owns: namespaces that could not be read when a term began, since this identity may not list them: their clusters are not
 * decided before it is known what their statuses name of the journal, and the others do not wait for them.
 * Called by: term, for the sources of these namespaces.
 */
import { ignoreElements, Observable, share } from 'rxjs';
import { messageOf } from '#src/errors.ts';
import type { Ticks } from '#src/ports.ts';
import type { Anchors } from './anchors.ts';

export interface LatePorts {
  readonly ticks: Ticks;
  /** @throws when the namespace still cannot be read */
  readonly read: (namespace: string) => Promise<Anchors>;
  /** Told what was found there in the end; runs before anything of that namespace is told. */
  readonly found: (anchors: Anchors) => void;
  readonly trouble: (namespace: string, because: string) => void;
}

/** Between two tries: somebody has to give a right first. */
const againMs = 10_000;

function untilRead(ports: LatePorts, namespace: string): Observable<never> {
  return new Observable((subscriber) => {
    const again = (): void => {
      ports.read(namespace).then(
        (anchors) => {
          if (subscriber.closed) return;
          ports.found(anchors);
          subscriber.complete();
        },
        (error: unknown) => {
          if (subscriber.closed) return;
          ports.trouble(namespace, messageOf(error));
          tick = ports.ticks.after(againMs, again);
        },
      );
    };
    let tick = ports.ticks.after(againMs, again);
    return () => tick.cancel();
  });
}

/** What sources wait for, by their namespace: null where nothing is to be waited for. It ends without a word. */
export function lateNamespaces(
  unread: readonly string[],
  ports: LatePorts,
): (namespace: string | null) => Observable<never> | null {
  // One try for all sources of a namespace.
  const late = new Map(unread.map((each) => [each, untilRead(ports, each).pipe(ignoreElements(), share())]));
  return (namespace) => (namespace === null ? null : (late.get(namespace) ?? null));
}
