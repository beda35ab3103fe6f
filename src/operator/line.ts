/** Owns: which of the process's things each stage of the line is given. No behaviour of its own. */
import { isObject } from '#machines/shared/json.ts';
import { concat, filter, map, merge, NEVER, skip, type BehaviorSubject, type Observable } from 'rxjs';
import { phaseOf, phases } from '#machines/cluster/chart.ts';
import type { Decision } from '#src/decision/record.ts';
import { isOpen, loopsOf, loopTimer } from '#machines/cluster/tables/loops.ts';
import type { DcsMode, OperatorConfig } from '#machines/cluster/observations.ts';
import { sha256 } from '#src/decision/hash.ts';
import { resourcePath } from '#src/decision/paths.ts';
import { Transient } from '#src/errors.ts';
import type { Journal } from '#src/journal/journal.ts';
import type { ClusterIdentity } from '#src/journal/record.ts';
import type { Kube } from '#src/kube/api.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import type { LeaseHandle } from '#src/kube/lease.ts';
import { makeCore } from '#src/replay/core.ts';
import type { Metrics } from '#src/status/metrics.ts';
import type { Digest } from '#src/stream/door/objects.ts';
import { maskVersion, ownershipSeen, projectObject } from '#src/stream/door/project.ts';
import type { Addressed, StreamInput } from '#src/stream/items.ts';
import { isLiveObject, type WatchTrouble } from '#src/watch/item.ts';
import { sourcesOf } from '#src/watch/sources.ts';
import { watchSource } from '#src/watch/watch.ts';
import type { DigestKey } from './digest-key.ts';
import type { OperatorOptions } from './options.ts';
import { startPipeline, type Pipeline, type PipelinePorts } from './pipeline.ts';

/** What a term has in its hands. */
export interface Opened {
  readonly options: OperatorOptions;
  readonly kube: Kube;
  readonly runInPod: RunInPod;
  readonly journal: Journal;
  readonly metrics: Metrics;
  readonly lease: Pick<LeaseHandle, 'mayAct' | 'epoch'>;
  readonly writable: Observable<boolean>;
  /** The key of digests of Secrets, or why there is none yet. */
  readonly digestKey: BehaviorSubject<DigestKey>;
  /** What the sources of a namespace wait for; null for nothing. */
  readonly late: (namespace: string | null) => Observable<never> | null;
}

function settingsWith(operator: OperatorConfig, key: DigestKey): StreamInput {
  const config = key.type === 'key' ? operator : { ...operator, noDigestKey: key.because };
  return { type: 'config', hash: sha256(JSON.stringify(config)), config };
}

function sourceItems({ options, kube, metrics, digestKey, late }: Opened): Observable<StreamInput> {
  const { config, ports, log } = options;
  const settings = digestKey.pipe(map((key) => settingsWith(config.operator, key)));
  // Secrets that were seen without digests have to be read once more.
  const keyCame = digestKey.pipe(
    skip(1),
    filter(({ type }) => type === 'key'),
  );
  const watches = sourcesOf(config.namespaces).map((source) => {
    const again = source.kind === 'Secret' ? keyCame : NEVER;
    const onTrouble = ({ source: name, because, retryInMs }: WatchTrouble): void => {
      metrics.watchTroubles.inc({ source: name });
      log.warn({ source: name, because, ms: retryInMs }, 'watch is opened again');
    };
    const watch = watchSource(kube, source, ports, onTrouble, again);
    const first = late(source.namespace);
    return first === null ? watch : concat(first, watch);
  });
  return merge(settings, ...watches) as Observable<StreamInput>;
}

function digestOf({ digestKey: { value } }: Opened): Digest | null {
  return value.type === 'key' ? value.digest : null;
}

/** resourceVersion of a leader object as it is now; null when there is none. */
async function readVersion(
  kube: Kube,
  object: { readonly mode: DcsMode; readonly namespace: string; readonly name: string },
): Promise<string | null> {
  const path = resourcePath(object.mode === 'Endpoints' ? 'Endpoints' : 'ConfigMap', object.namespace, object.name);
  const answer = await kube.get(path);
  if (answer.type === 'ok') return isLiveObject(answer.body) ? answer.body.metadata.resourceVersion : null;
  if (answer.type === 'refused' && answer.status === 404) return null;
  throw new Transient(answer.type === 'refused' ? answer.message : answer.because, {
    operation: 'read',
    subject: path,
    hint: 'the watchdog asks again',
  });
}

function streamPorts(opened: Opened, onSkipped: (skipped: Addressed) => void): PipelinePorts['stream'] {
  const { options, journal, metrics, writable } = opened;
  const { clock, ticks } = options.ports;
  return {
    clock,
    ticks,
    writable,
    readVersion: (object) => readVersion(opened.kube, object),
    digest: () => digestOf(opened),
    sources: sourcesOf(options.config.namespaces),
    expected: expectedOf(journal, options.config.namespaces),
    reports: {
      undecodable: ({ kind, namespace, name, problems }) => {
        metrics.undecodable.inc({ kind });
        options.log.error({ kind, namespace, name, problems }, 'object cannot be read and is left alone');
      },
      decodable: () => undefined,
      repeated: (kind, skipped) => {
        metrics.repeated.inc({ kind });
        if (skipped !== null) onSkipped(skipped);
      },
    },
  };
}

/** Clusters that the first lists must hold, else they are gone. Of a namespace that is not watched, no list says anything. */
function expectedOf(journal: Journal, namespaces: readonly string[]): readonly ClusterIdentity[] {
  const isWatched = (namespace: string): boolean => namespaces.length === 0 || namespaces.includes(namespace);
  return journal.reader.heads().filter(({ uid, namespace }) => isWatched(namespace) && !isGone(journal, uid));
}

/** A cluster whose last row says that it is gone needs no actor any more. */
function isGone(journal: Journal, uid: string): boolean {
  const head = journal.writer.head(uid);
  return head !== null && journal.reader.row(uid, head.seq)?.type === 'ClusterGone';
}

function actorPorts(opened: Opened, epoch: number): PipelinePorts['actor'] {
  const { options, journal, metrics } = opened;
  const { clock, chance, ticks } = options.ports;
  const { writer, reader } = journal;
  return {
    core: makeCore(),
    clock,
    chance,
    ticks,
    epoch,
    build: options.build,
    maskVersion,
    journal: {
      nextSeq: writer.nextSeq,
      append: writer.append,
      blob: writer.blob,
      saveSnapshot: writer.saveSnapshot,
      hydrate: (uid) => {
        return {
          snapshot: reader.snapshot(uid),
          rows: (afterSeq) => reader.rows({ uid, afterSeq }),
          getBlob: reader.blob,
        };
      },
    },
    trouble: (trouble) => {
      metrics.actorTroubles.inc({ type: trouble.type });
      const { cluster } = trouble;
      const cause =
        'cause' in trouble ? (trouble.cause instanceof Error ? trouble.cause.stack : String(trouble.cause)) : undefined;
      options.log.error(
        { cluster: `${cluster.namespace}/${cluster.name}`, trouble: trouble.type, cause },
        'a decision could not be made',
      );
    },
  };
}

function executorPorts(opened: Opened): PipelinePorts['executor'] {
  const { options, kube, runInPod, journal, lease } = opened;
  const { chance, crash } = options.ports;
  return {
    send: kube.send,
    get: (path, query) => kube.get(path, query),
    runInPod: runInPod,
    project: (kind, object) => {
      const projected = projectObject(kind, object, digestOf(opened));
      return projected.type === 'decoded' ? projected.value : null;
    },
    ownership: (kind, object) => (isObject(object) ? ownershipSeen(kind, object) : { ownedHash: null, foreign: [] }),
    mayAct: lease.mayAct,
    epoch: lease.epoch,
    digest: () => digestOf(opened),
    head: journal.writer.head,
    chance,
    crash,
  };
}

function tellPhases(metrics: Metrics, pipeline: Pipeline): void {
  const counts = new Map<string, number>(phases.map((phase) => [phase, 0]));
  let wars = 0;
  for (const { uid } of pipeline.actors.clusters()) {
    const snapshot = pipeline.actors.snapshotOf(uid);
    if (snapshot === null) continue;
    counts.set(phaseOf(snapshot.state), (counts.get(phaseOf(snapshot.state)) ?? 0) + 1);
    wars += Object.values(loopsOf(snapshot.facts.memory)).filter(isOpen).length;
  }
  metrics.editWars.set(wars);
  for (const [phase, count] of counts) metrics.clusters.set({ phase }, count);
}

/** A war that begins or ends is no move, but it changes when it is over. */
function endsOrBeginsWar({ timers }: Decision): boolean {
  return [...timers.set.map(({ id }) => id), ...timers.cleared].some((id) => id.startsWith(loopTimer('')));
}

/** Sets the line in motion for one term. */
export function startLine(opened: Opened, epoch: number): Pipeline {
  const { options, metrics } = opened;
  const skipped = (addressed: Addressed): void => {
    const snapshot = options.onSkipped === undefined ? null : pipeline.actors.snapshotOf(addressed.cluster.uid);
    if (snapshot !== null)
      options.onSkipped?.({ addressed, snapshot, versions: pipeline.versions(addressed.cluster.uid) });
  };
  const pipeline: Pipeline = startPipeline({
    sources: sourceItems(opened),
    stream: streamPorts(opened, skipped),
    actor: actorPorts(opened, epoch),
    executor: executorPorts(opened),
    maxDisruptions: options.config.operator.maxDisruptions ?? null,
    nowMs: options.ports.clock.monotonicMs,
    onDecision: ({ cluster, stamp, decision }) => {
      metrics.observations.inc({ type: decision.observation.type });
      for (const move of decision.moves) {
        metrics.moves.inc({ signal: move.signal });
        options.log.info(
          {
            cluster: `${cluster.namespace}/${cluster.name}`,
            seq: stamp.seq,
            signal: move.signal,
            from: move.from,
            to: move.to,
          },
          'moved',
        );
      }
      // A term in which nothing moves has clusters too, and one that is gone is none any more.
      const isTold = ['Synced', 'ClusterSeen', 'ClusterGone'].includes(decision.observation.type);
      if (isTold || decision.moves.length > 0 || endsOrBeginsWar(decision)) tellPhases(metrics, pipeline);
    },
    onEnded: ({ cluster, stamp, intent, outcome, ms }) => {
      metrics.effects.inc({ intent: intent.type, outcome: outcome.type });
      const failed =
        outcome.type === 'refused' ||
        outcome.type === 'unknown' ||
        outcome.type === 'conflict' ||
        outcome.type === 'transient';
      const because = failed ? outcome.reason : undefined;
      options.log[failed ? 'warn' : 'info'](
        {
          cluster: `${cluster.namespace}/${cluster.name}`,
          seq: stamp.seq,
          intent: intent.type,
          kind: intent.target.kind,
          name: intent.target.name,
          outcome: outcome.type,
          because,
          ms: Math.round(ms),
        },
        'intent ended',
      );
    },
    onFatal: (error) =>
      options.onFatal(`the line ended: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  });
  return pipeline;
}
