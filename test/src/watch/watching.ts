/** Owns: one source watched from a scripted API server, with time that only the test moves. */
import { connect } from '#src/kube/api.ts';
import { deadlines } from '#src/kube/deadlines.ts';
import type { WatchItem, WatchTrouble } from '#src/watch/item.ts';
import type { Source } from '#src/watch/sources.ts';
import { watchSource } from '#src/watch/watch.ts';
import { until, type ApiServer } from '#test/support/api-server.ts';
import { virtualTime, type VirtualTime } from '../stream/virtual-time.ts';

export interface Watching {
  readonly time: VirtualTime;
  readonly items: readonly WatchItem[];
  readonly troubles: readonly WatchTrouble[];
  /** Each item in short: `seen a@101`, `gone a@101`, `listed`. */
  readonly told: () => readonly string[];
  /** Names and versions that a reader of the items believes to exist now. */
  readonly believed: () => readonly string[];
  /** Waits for something while virtual time passes, 200 ms at a time. @returns the virtual milliseconds that passed */
  readonly passing: (holds: () => boolean) => Promise<number>;
  /** Stops the watch, and leaves its connections. */
  readonly unsubscribe: () => void;
  readonly stop: () => Promise<void>;
}

export interface WatchingOptions {
  readonly labelled?: boolean;
  readonly listMs?: number;
  readonly onNext?: (item: WatchItem) => void;
}

function inShort(item: WatchItem): string {
  if (item.type !== 'seen' && item.type !== 'gone') return item.type;
  return `${item.type} ${item.object.metadata.name}@${item.object.metadata.resourceVersion}`;
}

/** Begins to watch at once. */
export function watching(server: ApiServer, options: WatchingOptions = {}): Watching {
  const time = virtualTime();
  const limits = { ...deadlines, listMs: options.listMs ?? deadlines.listMs };
  const kube = connect({ kubeconfig: server.kubeconfig, context: null }, time.clock.nowMs, limits);
  const source: Source = {
    name: 'Pod',
    kind: 'Pod',
    namespace: null,
    path: '/api/v1/pods',
    query: {},
    labelled: options.labelled ?? false,
    pathOf: (namespace, name) => `/api/v1/namespaces/${namespace}/pods/${name}`,
  };
  const chance = { fraction: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
  const items: WatchItem[] = [];
  const troubles: WatchTrouble[] = [];
  const ports = { clock: time.clock, ticks: time.ticks, chance, crash: { hit: () => undefined } };
  const subscription = watchSource(kube, source, ports, (trouble) => void troubles.push(trouble)).subscribe((item) => {
    items.push(item);
    options.onNext?.(item);
  });
  return {
    time,
    items,
    troubles,
    told: () => items.map(inShort),
    believed: () => {
      const objects = new Map<string, string>();
      for (const item of items) {
        if (item.type === 'seen') objects.set(item.object.metadata.uid, inShort(item).slice('seen '.length));
        if (item.type === 'gone') objects.delete(item.object.metadata.uid);
      }
      return [...objects.values()].toSorted();
    },
    passing: async (holds) => {
      const from = time.clock.monotonicMs();
      await until(() => {
        if (holds()) return true;
        time.advance(200);
        return false;
      }, holds.toString());
      return time.clock.monotonicMs() - from;
    },
    unsubscribe: () => subscription.unsubscribe(),
    stop: async () => {
      subscription.unsubscribe();
      await kube.close();
    },
  };
}
