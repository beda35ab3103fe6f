/** Owns: a stream with a test at both its ends: what it is told, and what actors took of it. */
import { BehaviorSubject, Subject } from 'rxjs';
import type { ClusterObservation, OperatorConfig } from '#machines/cluster/observations.ts';
import type { Addressed, ClusterName, SourceKind, StreamInput, Undecodable } from '#src/stream/items.ts';
import { createStream, type Stream } from '#src/stream/stream.ts';
import { aCluster, aPod, leaderEndpoints, reportOf302 } from './live-objects.ts';
import { virtualTime, type VirtualTime } from './virtual-time.ts';

export const config: OperatorConfig = {
  images: { '17': 'spilo:17' },
  imagePullPolicy: 'Never',
  defaultDcs: 'Endpoints',
  createDeadlineSeconds: 600,
};
export const sources = ['PostgresCluster', 'Pod', 'Endpoints', 'ConfigMap', 'StatefulSet'];

export interface Bench {
  readonly time: VirtualTime;
  readonly stream: Stream;
  readonly taken: Addressed[];
  readonly undecodable: Undecodable[];
  readonly decodable: string[];
  readonly repeated: SourceKind[];
  readonly tell: (...inputs: readonly StreamInput[]) => void;
  /** What actors took since the last call, as short words. */
  readonly news: () => readonly string[];
}

export function words(observation: ClusterObservation): string {
  switch (observation.type) {
    case 'ObjectSeen':
      return `ObjectSeen ${observation.object.kind}/${observation.object.name}`;
    case 'ObjectGone':
      return `ObjectGone ${observation.object.kind}/${observation.object.name} ${observation.uid}`;
    case 'Synced':
      return `Synced ${observation.objects.map(({ kind, name }) => `${kind}/${name}`).join(' ')}`.trim();
    case 'SourceWentStale':
    case 'SourceFresh':
      return `${observation.type} ${observation.source}`;
    default:
      return observation.type;
  }
}

const everywhere = sources.map((name) => ({ name, namespace: null }));

export function bench(
  expected: readonly ClusterName[] = [],
  scoped: Parameters<typeof createStream>[0]['sources'] = everywhere,
): Bench {
  const time = virtualTime();
  const inputs = new Subject<StreamInput>();
  const bench = {
    taken: [] as Addressed[],
    undecodable: [] as Undecodable[],
    decodable: [] as string[],
    repeated: [] as SourceKind[],
  };
  const stream = createStream({
    ...time,
    sources: scoped,
    expected,
    writable: new BehaviorSubject(true),
    readVersion: () => new Promise(() => undefined),
    digest: () => null,
    reports: {
      undecodable: (object) => bench.undecodable.push(object),
      decodable: (uid) => bench.decodable.push(uid),
      repeated: (kind) => bench.repeated.push(kind),
    },
  });
  inputs.pipe(stream.observations).subscribe((addressed) => bench.taken.push(addressed));
  let told = 0;
  return {
    ...bench,
    time,
    stream,
    tell: (...all) => {
      for (const input of all) inputs.next(input);
      time.settle();
    },
    news: () => {
      const news = bench.taken.slice(told).map(({ observation }) => words(observation));
      told = bench.taken.length;
      return news;
    },
  };
}

export function seen(kind: SourceKind, object: unknown): StreamInput {
  return { type: 'seen', source: kind, kind, object };
}

export function gone(kind: SourceKind, object: unknown): StreamInput {
  return { type: 'gone', source: kind, kind, object };
}

export const settings: StreamInput = { type: 'config', hash: 'h1', config };
export const allListed: readonly StreamInput[] = sources.map((source) => ({ type: 'listed', source }));
export const pod = aPod({ ordinal: 0, report: reportOf302() });

export function running(): Bench {
  const line = bench();
  line.tell(
    settings,
    seen('PostgresCluster', aCluster()),
    seen('Pod', pod),
    seen('Endpoints', leaderEndpoints()),
    ...allListed,
  );
  line.news();
  return line;
}

export function lastOf(line: Bench): ClusterObservation {
  const last = line.taken.at(-1);
  if (last === undefined) throw new Error('nothing was told');
  return last.observation;
}
