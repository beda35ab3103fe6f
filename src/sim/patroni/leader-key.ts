/** Owns: the leader key of a scope, as one member takes, renews and gives it: always by compare-and-set on what it has read. */
import type { Client } from '../controllers/client.ts';
import { text, type Json } from '../json.ts';
import type { DataDirectory } from './data-directory.ts';
import { addressOf, leaderObject, write, type LeaderKey, type ScopeSettings } from './scope.ts';

/** How long a key that is not renewed keeps others out. */
export const ttlMs = 30_000;

export interface LeaderKeyPorts {
  readonly client: Client;
  readonly settings: ScopeSettings;
  readonly podName: string;
  readonly directory: DataDirectory;
  /** The member's own pod; null when it is gone. */
  readonly pod: () => Json | null;
  readonly isoNow: () => string;
}

export interface KeyHandling {
  /** Takes the key, or renews it. @returns false when somebody was faster, or the pod is gone */
  readonly take: (key: LeaderKey, held: boolean) => boolean;
  /** Gives it up. @returns false when somebody was faster */
  readonly give: (key: LeaderKey) => boolean;
}

/** One member's hand on the key. */
export function makeLeaderKey({ client, settings, podName, directory, pod, isoNow }: LeaderKeyPorts): KeyHandling {
  const name = leaderObject(settings);
  return {
    take: (key, held) => {
      const mine = pod();
      if (mine === null) return false;
      const acquireTime = held ? text(key.object, 'metadata', 'annotations', 'acquireTime') : isoNow();
      return write(client, settings, {
        name,
        live: key.object,
        annotations: {
          leader: podName,
          ttl: String(ttlMs / 1000),
          renewTime: isoNow(),
          acquireTime,
          optime: String(directory.position),
          transitions: text(key.object, 'metadata', 'annotations', 'transitions') || '0',
        },
        rest: addressOf(settings, mine),
      });
    },
    give: (key) => write(client, settings, { name, live: key.object, annotations: { leader: null } }),
  };
}
