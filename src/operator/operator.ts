/**
 * Owns: one operator process: opening everything in order, and closing it in the opposite one.
 *
 *   open:  connection → anchors → journal (verified against them) → HTTP → Lease → watches and actors
 *   close: watches and actors (snapshots saved) → effects under way → Lease → journal → HTTP
 *
 * The journal is open before the Lease is asked for, since the epoch must exceed what it knows; nothing acts before the
 * Lease is held.
 */
import { BehaviorSubject, merge, of, type Observable } from 'rxjs';
import { phaseOf, phases } from '#machines/cluster/chart.ts';
import { sha256 } from '#src/decision/hash.ts';
import type { Config } from '#src/config.ts';
import { openJournal, type Journal } from '#src/journal/journal.ts';
import { connect, type Kube } from '#src/kube/api.ts';
import { makeRunInPod, type RunInPod } from '#src/kube/exec.ts';
import { makeHttp } from '#src/kube/request.ts';
import { holdLease, type LeaseHandle } from '#src/kube/lease.ts';
import type { Log } from '#src/log.ts';
import { makeCore } from '#src/replay/core.ts';
import { resourcePath } from '#src/decision/paths.ts';
import type { Ports } from '#src/ports.ts';
import { makeMetrics, type Metrics } from '#src/status/metrics.ts';
import { maskVersion, ownershipSeen, projectObject } from '#src/stream/door/project.ts';
import type { StreamInput } from '#src/stream/items.ts';
import { sourcesOf } from '#src/watch/sources.ts';
import { isLiveObject } from '#src/watch/item.ts';
import { watchSource } from '#src/watch/watch.ts';
import type { DcsMode } from '#machines/cluster/observations.ts';
import { Transient } from '#src/errors.ts';
import { readAnchors, untilAnswered, type AnchoredCluster } from './anchors.ts';
import { openHttp, type HttpServers } from './http.ts';
import { startPipeline, type Pipeline, type PipelinePorts } from './pipeline.ts';

export interface OperatorOptions {
  readonly config: Config;
  readonly ports: Ports;
  readonly log: Log;
  /** codeHash of this build. */
  readonly build: string;
  /** Ends the process; called once, when going on would be wrong. */
  readonly onFatal: (because: string) => void;
  /** Runs commands in pods; the real one unless a test world has no containers. */
  readonly runInPod?: RunInPod;
}

export interface Operator {
  readonly http: HttpServers;
  readonly journal: Journal;
  readonly metrics: Metrics;
  readonly stop: () => Promise<void>;
}

interface Opened {
  readonly options: OperatorOptions;
  readonly kube: Kube;
  readonly journal: Journal;
  readonly metrics: Metrics;
  readonly lease: LeaseHandle;
  readonly writable: Observable<boolean>;
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sourceItems({ options, kube, metrics }: Opened): Observable<StreamInput> {
  const { config, ports, log } = options;
  const hash = sha256(JSON.stringify(config.operator));
  const settings = of({ type: 'config', hash, config: config.operator } as const);
  const watches = sourcesOf(config.namespaces).map((source) =>
    watchSource(kube, source, ports, ({ source: name, because, retryInMs }) => {
      metrics.watchTroubles.inc({ source: name });
      log.warn({ source: name, because, ms: retryInMs }, 'watch is opened again');
    }),
  );
  return merge(settings, ...watches) as Observable<StreamInput>;
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

function streamPorts(opened: Opened): PipelinePorts['stream'] {
  const { options, journal, metrics, writable } = opened;
  const { clock, ticks } = options.ports;
  return {
    clock,
    ticks,
    writable,
    readVersion: (object) => readVersion(opened.kube, object),
    sources: sourcesOf(options.config.namespaces).map((source) => source.name),
    expected: journal.reader.clusters().filter(({ uid }) => !isGone(journal, uid)),
    reports: {
      undecodable: ({ kind, namespace, name, problems }) => {
        metrics.undecodable.inc({ kind });
        options.log.error({ kind, namespace, name, problems }, 'object cannot be read and is left alone');
      },
      decodable: () => undefined,
      repeated: (kind) => metrics.repeated.inc({ kind }),
    },
  };
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

function executorPorts({ options, kube, journal, lease }: Opened): PipelinePorts['executor'] {
  const { chance, crash } = options.ports;
  return {
    send: kube.send,
    get: (path) => kube.get(path),
    runInPod: options.runInPod ?? makeRunInPod(kube.connection.config),
    project: (kind, object) => {
      const projected = projectObject(kind, object);
      return projected.type === 'decoded' ? projected.value : null;
    },
    ownership: (kind, object) => (isRecord(object) ? ownershipSeen(kind, object) : { ownedHash: null, foreign: [] }),
    mayAct: lease.mayAct,
    epoch: lease.epoch,
    head: journal.writer.head,
    chance,
    crash,
  };
}

function tellPhases(metrics: Metrics, pipeline: Pipeline): void {
  const counts = new Map<string, number>(phases.map((phase) => [phase, 0]));
  for (const { uid } of pipeline.actors.clusters()) {
    const state = pipeline.actors.snapshotOf(uid)?.state;
    if (state !== undefined) counts.set(phaseOf(state), (counts.get(phaseOf(state)) ?? 0) + 1);
  }
  for (const [phase, count] of counts) metrics.clusters.set({ phase }, count);
}

function startLine(opened: Opened, epoch: number): Pipeline {
  const { options, metrics } = opened;
  const pipeline = startPipeline({
    sources: sourceItems(opened),
    stream: streamPorts(opened),
    actor: actorPorts(opened, epoch),
    executor: executorPorts(opened),
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
      if (decision.moves.length > 0) tellPhases(metrics, pipeline);
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

/** Clusters that have a published status but no row here: their history is lost, and that is the first thing recorded. */
function recordGaps({ options, journal, metrics }: Opened, clusters: readonly AnchoredCluster[], epoch: number): void {
  for (const { namespace, name, anchor } of clusters) {
    const { uid } = anchor;
    if (journal.writer.head(uid) !== null) continue;
    metrics.journalGaps.inc();
    options.log.warn(
      { cluster: `${namespace}/${name}`, seq: anchor.seq },
      'journal does not know this cluster: the gap is recorded',
    );
    journal.writer.append({
      cluster: { uid, namespace, name },
      epoch,
      at: options.ports.clock.nowMs(),
      kind: 'gap',
      type: 'JournalLost',
      typeVersion: 1,
      maskVersion,
      causedBy: null,
      body: JSON.stringify({ because: 'status names a place in a journal that this one does not hold', anchor }),
    });
  }
}

/** Highest epoch the journal itself knows. */
function journalEpoch(journal: Journal): number {
  return journal.reader.clusters().reduce((most, cluster) => Math.max(most, cluster.head.epoch), 0);
}

/** Starts an operator. Resolves once its servers listen; the line begins when the Lease is held. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { config, ports, log, build } = options;
  const kube = connect({ kubeconfig: config.kubeconfig, context: config.context }, ports.clock.nowMs);
  const metrics = makeMetrics();
  const pause = (): Promise<void> => new Promise((resolve) => void ports.ticks.after(1000, resolve));
  const known = await untilAnswered(
    () => readAnchors(kube, config.namespaces),
    pause,
    (because) => log.warn({ because }, 'waiting for the API server'),
  );
  const writable$ = new BehaviorSubject(true);
  metrics.journalWritable.set(1);
  const opening = openJournal({
    path: config.journal,
    build,
    anchors: known.anchors.filter((anchor) => anchor.seq > 0),
    ports,
    onWritable: (writable, because) => {
      metrics.journalWritable.set(writable ? 1 : 0);
      log[writable ? 'info' : 'error']({ writable, because }, 'journal');
      writable$.next(writable);
    },
    onFatal: (error) => options.onFatal(`the journal cannot be trusted any more: ${error.message}`),
    onCommit: (_rows, ms) => metrics.commitSeconds.observe(ms / 1000),
  });
  const { journal } = opening;
  if (opening.type === 'quarantined') {
    metrics.journalGaps.inc();
    log.error(
      { because: opening.because, movedTo: opening.movedTo },
      'journal was damaged and is kept aside; a new one begins',
    );
  }
  let pipeline: Pipeline | null = null;
  let leaseState = 'waiting';
  // A lane of its own: a slow API server must not cost the Lease.
  const lane = makeHttp(kube.connection, ports.clock.nowMs);
  const lease = holdLease(
    {
      get: (path) => lane.send({ method: 'GET', path, query: {}, headers: {}, body: null, timeoutMs: 2000 }),
      send: ({ method, path, query, contentType, body }) =>
        lane.send({
          method,
          path,
          query,
          headers: contentType === null ? {} : { 'content-type': contentType },
          body,
          timeoutMs: 2000,
        }),
      clock: ports.clock,
      ticks: ports.ticks,
      crash: ports.crash,
    },
    {
      ...config.lease,
      epochAtLeast: Math.max(known.epoch, journalEpoch(journal)),
      operatorHead: journal.writer.operatorHead,
      onChange: (state, because) => {
        if (state === leaseState && state !== 'held') return;
        leaseState = state;
        metrics.leaseHeld.set(state === 'held' ? 1 : 0);
        log.info({ state, because }, 'lease');
      },
    },
  );
  const troubles = (): readonly string[] => [
    ...(pipeline === null ? ['waiting for the Lease'] : []),
    ...(pipeline !== null && !lease.mayAct() ? ['the Lease is not held'] : []),
    ...(journal.writer.isWritable() ? [] : ['the journal cannot be written']),
  ];
  const http = await openHttp(
    { metrics, health: { troubles }, journal, actors: () => pipeline?.actors ?? null, build },
    { http: config.http, api: config.api },
  );
  const opened: Opened = { options, kube, journal, metrics, lease, writable: writable$ };
  lease.held.then(
    (epoch) => {
      metrics.epoch.set(epoch);
      recordGaps(opened, known.clusters, epoch);
      pipeline = startLine(opened, epoch);
    },
    (error: unknown) => options.onFatal(String(error)),
  );
  return {
    http,
    journal,
    metrics,
    stop: async () => {
      pipeline?.subscription.unsubscribe();
      await pipeline?.executor.drain();
      await lease.release();
      journal.writer.flush();
      await Promise.all([kube.close(), lane.close(), http.close()]);
      journal.close();
    },
  };
}
