/**
 * Owns: when a leader has been silent for too long. Patroni's leader renews its key every few seconds; whoever has not
 * changed the object for its time to live has lost the lock in every other member's eyes, and so in ours.
 * Does not own: whether that means there is no leader (`machines/cluster/members.ts`).
 *
 * I1. Silence is measured by our own monotonic clock between two changes we saw; times written by others are not compared.
 * I2. While the source is stale nobody can be called silent: it is we who do not hear.
 * I3. One LeaderSilent, then one LeaderHeard; no repetition.
 * I4. Before a leader is called silent the object is read once: a stream that is half open for a minute, before that is
 *     noticed, must not make every cluster of the fleet look leaderless.
 */
import { ttlSecondsDefault } from '#machines/cluster/backoff.ts';
import type { DcsMode } from '#machines/cluster/observations.ts';
import type { ArmedTick, Clock, Ticks } from '#src/ports.ts';

/** Latency of a watch and of a busy event loop; a leader that renews at the last moment is not silent. */
export const slackMs = 2_000;

/** The object that bears Patroni's leader key. */
export interface LeaderObject {
  readonly mode: DcsMode;
  readonly namespace: string;
  readonly name: string;
}

/** Reads the object anew. @returns its resourceVersion, null when there is none. Rejects when nobody answers. */
export type ReadVersion = (object: LeaderObject) => Promise<string | null>;

export interface LeaderSign {
  /** Which source tells it: silence is not judged while that one is stale. */
  readonly source: string;
  readonly object: LeaderObject;
  readonly resourceVersion: string;
  readonly ttlSeconds: number | null;
}

export interface LeaderWatchdog {
  /** The leader object as it is now; an unchanged version is no sign of life. */
  readonly heard: (clusterUid: string, sign: LeaderSign) => void;
  /** Nobody holds the key, or the cluster is gone: nobody is expected to speak. */
  readonly forget: (clusterUid: string) => void;
  readonly sourceWentStale: (source: string) => void;
  /** Silence is counted anew from here. */
  readonly sourceFresh: (source: string) => void;
}

export interface WatchdogPorts {
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly readVersion: ReadVersion;
  readonly silent: (clusterUid: string, silentMs: number) => void;
  readonly heardAgain: (clusterUid: string) => void;
}

interface Watched {
  sign: LeaderSign;
  /** Monotonic, milliseconds. */
  heardAt: number;
  silent: boolean;
  /** Null while the confirming read is under way, while silent, and while its source is stale. */
  tick: ArmedTick | null;
}

interface Desk {
  readonly ports: WatchdogPorts;
  readonly leaders: Map<string, Watched>;
  readonly stale: Set<string>;
}

function patienceMs(watched: Watched): number {
  return (watched.sign.ttlSeconds ?? ttlSecondsDefault) * 1000 + slackMs;
}

/** True while this is still what is being watched, nothing was said about it yet, and its source can be believed. */
function counts(desk: Desk, clusterUid: string, watched: Watched): boolean {
  return desk.leaders.get(clusterUid) === watched && !watched.silent && !desk.stale.has(watched.sign.source);
}

function arm(desk: Desk, clusterUid: string, watched: Watched): void {
  const leftMs = watched.heardAt + patienceMs(watched) - desk.ports.clock.monotonicMs();
  watched.tick = desk.ports.ticks.after(Math.max(0, leftMs), () => check(desk, clusterUid, watched));
}

function check(desk: Desk, clusterUid: string, watched: Watched): void {
  watched.tick = null;
  if (!counts(desk, clusterUid, watched)) return;
  if (desk.ports.clock.monotonicMs() - watched.heardAt < patienceMs(watched)) return arm(desk, clusterUid, watched);
  const { resourceVersion } = watched.sign;
  desk.ports.readVersion(watched.sign.object).then(
    (now) => confirmed(desk, clusterUid, { watched, unchanged: now === null || now === resourceVersion }),
    () => confirmed(desk, clusterUid, { watched, unchanged: false }),
  );
}

/** The answer to the one read. When it shows a change, or nobody answered, silence is counted anew. */
function confirmed(
  desk: Desk,
  clusterUid: string,
  { watched, unchanged }: { readonly watched: Watched; readonly unchanged: boolean },
): void {
  if (!counts(desk, clusterUid, watched) || watched.tick !== null) return;
  const silentMs = Math.round(desk.ports.clock.monotonicMs() - watched.heardAt);
  if (!unchanged || silentMs < patienceMs(watched)) return restart(desk, clusterUid, watched);
  watched.silent = true;
  desk.ports.silent(clusterUid, silentMs);
}

/** Counts from now on. A tick that is armed already finds out by itself that it came too early. */
function restart(desk: Desk, clusterUid: string, watched: Watched): void {
  watched.heardAt = desk.ports.clock.monotonicMs();
  if (watched.silent) {
    watched.silent = false;
    desk.ports.heardAgain(clusterUid);
  }
  if (watched.tick === null && !desk.stale.has(watched.sign.source)) arm(desk, clusterUid, watched);
}

function heard(desk: Desk, clusterUid: string, sign: LeaderSign): void {
  const watched = desk.leaders.get(clusterUid);
  if (watched === undefined) {
    const first: Watched = { sign, heardAt: desk.ports.clock.monotonicMs(), silent: false, tick: null };
    desk.leaders.set(clusterUid, first);
    if (!desk.stale.has(sign.source)) arm(desk, clusterUid, first);
    return;
  }
  const same = watched.sign.resourceVersion === sign.resourceVersion && watched.sign.source === sign.source;
  watched.sign = sign;
  if (!same) restart(desk, clusterUid, watched);
}

function forget(desk: Desk, clusterUid: string): void {
  const watched = desk.leaders.get(clusterUid);
  if (watched === undefined) return;
  desk.leaders.delete(clusterUid);
  watched.tick?.cancel();
  if (watched.silent) desk.ports.heardAgain(clusterUid);
}

/** A watchdog over the leaders of all clusters; one armed tick per cluster, moved only when it fires. */
export function createLeaderWatchdog(ports: WatchdogPorts): LeaderWatchdog {
  const desk: Desk = { ports, leaders: new Map(), stale: new Set() };
  return {
    heard: (clusterUid, sign) => heard(desk, clusterUid, sign),
    forget: (clusterUid) => forget(desk, clusterUid),
    sourceWentStale: (source) => {
      desk.stale.add(source);
    },
    sourceFresh: (source) => {
      if (!desk.stale.delete(source)) return;
      for (const [clusterUid, watched] of desk.leaders) {
        if (watched.sign.source === source && !watched.silent) restart(desk, clusterUid, watched);
      }
    },
  };
}
