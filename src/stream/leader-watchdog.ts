/**
 * Owns: when a leader has been silent for too long. Patroni's leader renews its key every few seconds; whoever has not
 * changed the object for its time to live has lost the lock in every other member's eyes, and so in ours.
 * Does not own: whether that means there is no leader (`machines/cluster/members.ts`).
 *
 * I1. Silence is measured by our own monotonic clock between two changes we saw; times written by others are not compared.
 * I2. While the source is stale nobody can be called silent: it is we who do not hear.
 * I3. One LeaderSilent, then one LeaderHeard; no repetition.
 */
import type { Clock, ArmedTick, Ticks } from '#src/ports.ts';

/** Patroni's own default, when the object does not say. */
export const ttlSecondsDefault = 30;
/** Latency of a watch and of a busy event loop; a leader that renews at the last moment is not silent. */
export const slackMs = 2_000;

export interface LeaderSign {
  /** Which source tells it: silence is not judged while that one is stale. */
  readonly source: string;
  /** Whatever changes with every write. */
  readonly version: string;
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
  readonly silent: (clusterUid: string, silentMs: number) => void;
  readonly heardAgain: (clusterUid: string) => void;
}

interface Watched {
  sign: LeaderSign;
  /** Monotonic, milliseconds. */
  heardAt: number;
  silent: boolean;
  tick: ArmedTick | null;
}

function patienceMs(watched: Watched): number {
  return (watched.sign.ttlSeconds ?? ttlSecondsDefault) * 1000 + slackMs;
}

/** A watchdog over the leaders of all clusters; one armed tick per cluster, moved only when it fires. */
export function createLeaderWatchdog(ports: WatchdogPorts): LeaderWatchdog {
  const leaders = new Map<string, Watched>();
  const stale = new Set<string>();

  function arm(clusterUid: string, watched: Watched): void {
    const leftMs = watched.heardAt + patienceMs(watched) - ports.clock.monotonicMs();
    watched.tick = ports.ticks.after(Math.max(0, leftMs), () => check(clusterUid, watched));
  }

  function check(clusterUid: string, watched: Watched): void {
    watched.tick = null;
    if (leaders.get(clusterUid) !== watched || watched.silent || stale.has(watched.sign.source)) return;
    const silentMs = Math.round(ports.clock.monotonicMs() - watched.heardAt);
    if (silentMs < patienceMs(watched)) return arm(clusterUid, watched);
    watched.silent = true;
    ports.silent(clusterUid, silentMs);
  }

  function restart(clusterUid: string, watched: Watched): void {
    watched.heardAt = ports.clock.monotonicMs();
    if (watched.silent) {
      watched.silent = false;
      ports.heardAgain(clusterUid);
    }
    if (watched.tick === null && !stale.has(watched.sign.source)) arm(clusterUid, watched);
  }

  return {
    heard: (clusterUid, sign) => {
      const watched = leaders.get(clusterUid);
      if (watched === undefined) {
        const first: Watched = { sign, heardAt: ports.clock.monotonicMs(), silent: false, tick: null };
        leaders.set(clusterUid, first);
        if (!stale.has(sign.source)) arm(clusterUid, first);
        return;
      }
      const same = watched.sign.version === sign.version && watched.sign.source === sign.source;
      watched.sign = sign;
      if (!same) restart(clusterUid, watched);
    },
    forget: (clusterUid) => {
      const watched = leaders.get(clusterUid);
      if (watched === undefined) return;
      leaders.delete(clusterUid);
      watched.tick?.cancel();
      if (watched.silent) ports.heardAgain(clusterUid);
    },
    sourceWentStale: (source) => {
      stale.add(source);
    },
    sourceFresh: (source) => {
      if (!stale.delete(source)) return;
      for (const [clusterUid, watched] of leaders) {
        if (watched.sign.source !== source || watched.silent) continue;
        watched.tick?.cancel();
        watched.tick = null;
        restart(clusterUid, watched);
      }
    },
  };
}
