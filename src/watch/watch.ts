/**
 * Owns: one source (one kind, one selector) as an endless stream of WatchItems: list, watch, and again.
 * Does not own: what an object means; managedFields stay on it, the door needs them.
 * I1. No end state: whatever happens, it lists or watches again after its back-off, until it is stopped.
 * I2. No final state is lost: an event that cannot be read poisons the stream, and a new list tells the truth.
 * I3. Identity is the uid: the same name with another uid is `gone` and then `seen`.
 * I4. A half-open stream is found by its silence, from the moment it is asked for: bookmarks come every minute, 70 s
 *     without a line end it.
 * I5. Nothing is asked for in a tight loop, whatever the server does.
 * I6. A cache of the server that stands still is found within ten minutes: a list from the store comes that often.
 */
import { NEVER, Observable } from 'rxjs';
import type { Chance, Clock, CrashPoints, Ticks } from '#src/ports.ts';
import type { Kube } from '#src/kube/api.ts';
import { makeBackoff, type Backoff } from './backoff.ts';
import { follow, type Following } from './changes.ts';
import { tooSoonMs, type Ended } from './ended.ts';
import type { WatchItem, WatchTrouble } from './item.ts';
import { makeKnown } from './known.ts';
import { listAll } from './list.ts';
import { makePulse } from './pulse.ts';
import type { Source } from './sources.ts';

export interface WatchPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly ticks: Ticks;
  readonly crash: CrashPoints;
}

/** At the end of a stream (240 to 295 s) a list older than this is made again: every second stream, within ten minutes. */
const listAgainMs = 300_000;

interface Watch extends Following {
  readonly ports: WatchPorts;
  readonly backoff: Backoff;
  readonly tell: (item: WatchItem) => void;
  /** An attempt came to nothing. */
  readonly onFailed: (because: string) => void;
  readonly onTrouble: (trouble: WatchTrouble) => void;
  listed: boolean;
  listedAt: number;
  listedAtOnceAt: number | null;
}

/** @returns null when the watch can begin, or was stopped */
async function list(watch: Watch): Promise<Ended | null> {
  const { kube, source, ports, known, stopped, heard, tell } = watch;
  ports.crash.hit('mid-relist');
  const all = await listAll(kube, source);
  if (all.type !== 'listed') return all;
  if (stopped.aborted) return null;
  await known.replaced(all.found);
  watch.version = all.version;
  watch.listedAt = ports.clock.monotonicMs();
  heard();
  if (!watch.listed) tell({ type: 'listed', source: source.name });
  watch.listed = true;
  return null;
}

/** Resolves after a time, or when the source is stopped. */
function pause({ ports, stopped }: Watch, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      tick.cancel();
      stopped.removeEventListener('abort', over);
      resolve();
    };
    const tick = ports.ticks.after(delayMs, over);
    stopped.addEventListener('abort', over, { once: true });
  });
}

/** How long to wait after trouble. A list at once is granted once in five seconds, or it would be a tight loop. */
function waitAfter(watch: Watch, ended: Exclude<Ended, { type: 'resume' }>): number {
  const now = watch.ports.clock.monotonicMs();
  const { listedAtOnceAt } = watch;
  const atOnce =
    ended.type === 'relist' && ended.atOnce && (listedAtOnceAt === null || now - listedAtOnceAt >= tooSoonMs);
  if (atOnce) watch.listedAtOnceAt = now;
  return atOnce ? 0 : watch.backoff.nextMs(ended.retryAfterMs);
}

async function recover(watch: Watch, ended: Ended): Promise<void> {
  if (ended.type === 'resume') {
    // Many watches end in the same moment when a server is restarted.
    await pause(watch, Math.round(watch.ports.chance.fraction() * 100));
    return;
  }
  const { because } = ended;
  watch.onFailed(because);
  if (ended.type === 'relist') watch.version = null;
  const retryInMs = waitAfter(watch, ended);
  watch.onTrouble({ source: watch.source.name, because, retryInMs });
  if (retryInMs > 0) await pause(watch, retryInMs);
}

/** One list, if one is due, and one stream after it. */
async function round(watch: Watch): Promise<Ended> {
  try {
    const ended = watch.version === null ? await list(watch) : null;
    if (ended !== null) return ended;
    return watch.stopped.aborted ? { type: 'resume' } : await follow(watch);
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    return { type: 'relist', because, retryAfterMs: null, atOnce: false };
  }
}

async function run(watch: Watch): Promise<void> {
  while (!watch.stopped.aborted) {
    if (watch.ports.clock.monotonicMs() - watch.listedAt >= listAgainMs) watch.version = null;
    const ended = await round(watch);
    if (!watch.stopped.aborted) await recover(watch, ended);
  }
}

/**
 * A cold stream of one source; unsubscribing stops it for good.
 * @param again each time all that is there is told once more, without being listed
 */
export function watchSource(
  kube: Kube,
  source: Source,
  ports: WatchPorts,
  onTrouble: (trouble: WatchTrouble) => void,
  again: Observable<unknown> = NEVER,
): Observable<WatchItem> {
  return new Observable((subscriber) => {
    const stopping = new AbortController();
    const tell = (item: WatchItem): void => subscriber.next(item);
    const backoff = makeBackoff(ports.clock, ports.chance);
    const pulse = makePulse(ports.ticks, source.name, tell);
    const watch: Watch = {
      ...{ kube, source, ports, backoff, tell, onTrouble },
      known: makeKnown(kube, source, tell),
      stopped: stopping.signal,
      heard: () => {
        if (stopping.signal.aborted) return;
        pulse.heard();
        backoff.worked();
      },
      onFailed: pulse.failed,
      version: null,
      listed: false,
      listedAt: 0,
      listedAtOnceAt: null,
    };
    const retelling = again.subscribe(() => watch.known.retold());
    run(watch).catch((error: unknown) => subscriber.error(error));
    return () => {
      retelling.unsubscribe();
      pulse.stop();
      stopping.abort();
    };
  });
}
