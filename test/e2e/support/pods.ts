/**
 * Owns: what became of a cluster's pods while a test ran: every pod seen, with its restarts, label and node; asked of the
 * API server again and again, and what it says nothing of stays as it was.
 */
import { labels, labelValues } from '#machines/shared/names.ts';
import type { World } from '../world.ts';
import { askApi } from './api.ts';
import { monotonic } from './clock.ts';
import type { Subject } from './database.ts';

export interface PodSeen {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly address: string;
  /** Value of Patroni's role label; empty while there is none. */
  readonly role: string;
  readonly isReady: boolean;
  readonly isLeaving: boolean;
  readonly containerRestarts: number;
}

export interface PodRecord {
  readonly now: () => readonly PodSeen[];
  /** Called whenever a pod looks different from before. */
  readonly onChange: (listener: (pods: readonly PodSeen[]) => void) => void;
  /** Pods of the same name seen beyond the first, by name. */
  readonly recreations: () => Readonly<Record<string, number>>;
  readonly containerRestarts: () => Readonly<Record<string, number>>;
  /** Milliseconds in which more than one pod bore the primary's label. */
  readonly twoLabelledMs: () => number;
  readonly stop: () => Promise<void>;
}

interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

function seen({ metadata, spec, status }: PodObject): PodSeen {
  return {
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName ?? '',
    address: status.podIP ?? '',
    role: metadata.labels?.[labels.role] ?? '',
    isReady: status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
    isLeaving: metadata.deletionTimestamp !== undefined,
    containerRestarts: (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
  };
}

/** The members' pods now; null while the API server does not answer. */
export async function podsOf(world: World, { namespace, name }: Subject): Promise<readonly PodSeen[] | null> {
  const selector = `${labels.cluster}=${name},${labels.component}=${labelValues.database}`;
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`;
  const text = await askApi(world, path);
  return text === null ? null : (JSON.parse(text) as { readonly items: readonly PodObject[] }).items.map(seen);
}

const everyMs = 300;

/** Records until it is stopped; returns once the pods have been seen. */
export async function recordPods(world: World, subject: Subject): Promise<PodRecord> {
  let pods: readonly PodSeen[] = [];
  const uids = new Map<string, Set<string>>();
  const restarts = new Map<string, number>();
  const listeners: ((pods: readonly PodSeen[]) => void)[] = [];
  let twoLabelledMs = 0;
  let lastAt = monotonic();
  let running = true;
  const look = async (): Promise<void> => {
    const now = await podsOf(world, subject);
    const at = monotonic();
    if (pods.filter(({ role }) => role === labelValues.leader).length > 1) twoLabelledMs += at - lastAt;
    lastAt = at;
    if (now === null || JSON.stringify(now) === JSON.stringify(pods)) return;
    pods = now;
    for (const { name, uid, containerRestarts } of now) {
      uids.set(name, (uids.get(name) ?? new Set()).add(uid));
      restarts.set(uid, containerRestarts);
    }
    for (const listener of listeners) listener(now);
  };
  await look();
  const initial = new Map(restarts);
  const loop = (async () => {
    while (running) {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      await look();
    }
  })();
  const byName = (value: (name: string, seenUids: ReadonlySet<string>) => number): Readonly<Record<string, number>> =>
    Object.fromEntries([...uids].map(([name, each]) => [name, value(name, each)]));
  return {
    now: () => pods,
    onChange: (listener) => {
      listeners.push(listener);
      listener(pods);
    },
    recreations: () => byName((_, each) => each.size - 1),
    containerRestarts: () =>
      byName((_, each) => [...each].reduce((sum, uid) => sum + (restarts.get(uid) ?? 0) - (initial.get(uid) ?? 0), 0)),
    twoLabelledMs: () => Math.round(twoLabelledMs),
    stop: async () => {
      running = false;
      await loop;
    },
  };
}
