/**
 * Owns: one operator process: opening everything in order, and closing it in the opposite one.
 *
 *   process: connection → journal may be read → HTTP → epochs in statuses → Lease
 *   term:    anchors → journal (verified against them) → watches and actors          (`term.ts`)
 *   close:   watches and actors (snapshots saved) → effects under way → Lease → journal → HTTP
 *
 * A journal is open only while the Lease is held: what others did meanwhile is found when the next term begins. A failed
 * renewal ends nothing (acting stops until it is regained); a term of somebody else ends ours.
 */
import { BehaviorSubject } from 'rxjs';
import { messageOf, Transient } from '#src/errors.ts';
import type { Journal } from '#src/journal/journal.ts';
import { kubeOver, type Kube } from '#src/kube/api.ts';
import { loadConnection } from '#src/kube/connection.ts';
import { leaseRequestMs } from '#src/kube/deadlines.ts';
import { makeRunInPod, type RunInPod } from '#src/kube/exec.ts';
import { holdLease, type LeaseHandle, type LeasePorts, type OperatorHead } from '#src/kube/lease.ts';
import { makeHttp, type Http } from '#src/kube/request.ts';
import { makeMetrics, type Metrics } from '#src/status/metrics.ts';
import { readAnchors, untilAnswered } from './anchors.ts';
import { openHttp, type HttpServers } from './http.ts';
import type { OperatorOptions } from './options.ts';
import { beginTerm, journalEpoch, type Term } from './term.ts';

export type { OperatorOptions } from './options.ts';

export interface Operator {
  readonly http: HttpServers;
  readonly metrics: Metrics;
  /** Resolves when the first term has begun and the line runs. */
  readonly leading: Promise<void>;
  /** The journal of the present term. @throws Transient while this process does not lead */
  readonly journal: () => Journal;
  readonly stop: () => Promise<void>;
}

function leasePorts({ ports }: OperatorOptions, lane: Http): LeasePorts {
  const timeoutMs = leaseRequestMs;
  return {
    get: (path) => lane.send({ method: 'GET', path, query: {}, headers: {}, body: null, timeoutMs }),
    send: ({ method, path, query, contentType, body }) =>
      lane.send({
        method,
        path,
        query,
        headers: contentType === null ? {} : { 'content-type': contentType },
        body,
        timeoutMs,
      }),
    clock: ports.clock,
    ticks: ports.ticks,
    crash: ports.crash,
  };
}

/** Terms one after the other: what begins waits for what ends. */
interface Terms {
  readonly now: () => Term | null;
  /** Head of the operator chain, also of a term that is just ending: what it wrote last must get into the Lease. */
  readonly head: () => OperatorHead | null;
  readonly next: (step: (current: Term | null) => Promise<Term | null>) => Promise<void>;
}

/** What went wrong, and what a person does about it where that is known. */
function withHint(error: unknown): string {
  return error instanceof Error && 'hint' in error ? `${error.message}; ${String(error.hint)}` : messageOf(error);
}

function makeTerms(onFatal: (because: string) => void): Terms {
  let term: Term | null = null;
  let ending: Term | null = null;
  let turn = Promise.resolve();
  return {
    now: () => term,
    head: () => (term ?? ending)?.journal.writer.operatorHead() ?? null,
    next: (step) => {
      turn = turn.then(async () => {
        const current = term;
        term = null;
        ending = current;
        try {
          term = await step(current);
        } finally {
          ending = null;
        }
      });
      turn = turn.catch((error: unknown) => onFatal(withHint(error)));
      return turn;
    },
  };
}

async function ended(term: Term | null): Promise<void> {
  await term?.quiet();
  term?.close();
}

interface Process {
  readonly options: OperatorOptions;
  readonly kube: Kube;
  readonly runInPod: RunInPod;
  readonly metrics: Metrics;
  readonly terms: Terms;
  readonly writable: BehaviorSubject<boolean>;
  readonly isStopping: () => boolean;
  /** What the term that is beginning waits for; null while none is. */
  readonly beginning: BehaviorSubject<string | null>;
}

/** Competes for the Lease; each term that it gives is begun, each that it takes is ended. */
function compete(
  { options, kube, runInPod, metrics, terms, writable, isStopping, beginning }: Process,
  at: { readonly lane: Http; readonly epochAtLeast: number; readonly onLeading: () => void },
): LeaseHandle {
  const { config, log } = options;
  let state = 'waiting';
  let told = '';
  /** The last term of ours after which somebody else had the Lease. */
  let lost = 0;
  const lease: LeaseHandle = holdLease(leasePorts(options, at.lane), {
    ...config.lease,
    epochAtLeast: at.epochAtLeast,
    operatorHead: terms.head,
    onChange: (now, because) => {
      // Waiting is said once for each reason: the first one too, for it may be a right that is missing.
      if (now === state && now !== 'held' && because === told) return;
      [state, told] = [now, because];
      metrics.leaseHeld.set(now === 'held' ? 1 : 0);
      log.info({ state: now, because }, 'lease');
    },
    onTerm: (begun) =>
      void terms.next(async (current) => {
        await ended(current);
        const isOver = (): boolean => isStopping() || lease.epoch() !== begun.epoch || lost === begun.epoch;
        const onWaiting = (because: string): void => beginning.next(because);
        beginning.next('a term begins');
        const term = await beginTerm({ options, kube, runInPod, metrics, lease, writable, isOver, onWaiting }, begun);
        beginning.next(null);
        if (term !== null) at.onLeading();
        return term;
      }),
    onOver: () => {
      lost = lease.epoch();
      void terms.next(async (current) => {
        await ended(current);
        return null;
      });
    },
  });
  return lease;
}

/** The ways from this process to its cluster: the real ones where none were handed in. */
function waysOf({ config, ports, openLane, runInPod }: OperatorOptions): {
  readonly openLane: () => Http;
  readonly runInPod: RunInPod;
} {
  if (openLane !== undefined && runInPod !== undefined) return { openLane, runInPod };
  const connection = loadConnection({ kubeconfig: config.kubeconfig, context: config.context });
  return {
    openLane: openLane ?? (() => makeHttp(connection, ports.clock.nowMs)),
    runInPod: runInPod ?? makeRunInPod(connection.config),
  };
}

/** What keeps this process from working. @param waiting for the API server, before anything else; null once it has answered */
function troublesOf(
  { terms, writable, beginning }: Pick<Process, 'terms' | 'writable' | 'beginning'>,
  waiting: string | null,
  mayAct: boolean,
): readonly string[] {
  if (waiting !== null) return [`waiting for the API server: ${waiting}`];
  return [
    ...(terms.now() === null ? [beginning.value ?? 'waiting for the Lease'] : []),
    ...(terms.now() !== null && !mayAct ? ['the Lease is not held'] : []),
    ...(writable.value ? [] : ['the journal cannot be written']),
  ];
}

/** The open journal. @throws Transient while this process does not lead */
function journalNow(terms: Terms, path: string): Journal {
  const journal = terms.now()?.journal;
  if (journal !== undefined) return journal;
  throw new Transient('no journal is open', {
    operation: 'read',
    subject: path,
    hint: 'wait until this process holds the Lease',
  });
}

/**
 * Starts an operator. Its servers listen at once: whoever asks how it is must not end it for waiting. Resolves once it competes
 * for the Lease; the line begins when that is held.
 * @throws JournalRefused when the journal may not be used, Refused when the configuration names no API server
 */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { config, ports, log, build } = options;
  const { openLane, runInPod } = waysOf(options);
  const led = journalEpoch(config.journal);
  const kube = kubeOver(openLane());
  const metrics = makeMetrics();
  const terms = makeTerms((because) => options.onFatal(because));
  const writable = new BehaviorSubject(true);
  const beginning = new BehaviorSubject<string | null>(null);
  let isStopping = false;
  let lease: LeaseHandle | null = null;
  let waiting: string | null = 'it was not asked yet';
  const http = await (options.serve ?? openHttp)(
    {
      metrics,
      health: { troubles: () => troublesOf({ terms, writable, beginning }, waiting, lease?.mayAct() === true) },
      journal: () => terms.now()?.journal ?? null,
      actors: () => terms.now()?.pipeline.actors ?? null,
      build,
      keep: config.keep,
    },
    { http: config.http, api: config.api },
  );
  const pause = (): Promise<void> => new Promise((resolve) => void ports.ticks.after(1000, resolve));
  const known = await untilAnswered(
    () => readAnchors(kube, config.namespaces),
    pause,
    (because) => {
      waiting = because;
      log.warn({ because }, 'waiting for the API server');
    },
  );
  waiting = null;
  // A lane of its own: a slow API server must not cost the Lease.
  const lane = openLane();
  const leading = new Promise<void>((resolve) => {
    lease = compete(
      { options, kube, runInPod, metrics, terms, writable, beginning, isStopping: () => isStopping },
      { lane, epochAtLeast: Math.max(known.epoch, led), onLeading: resolve },
    );
  });
  return {
    http,
    metrics,
    leading,
    journal: () => journalNow(terms, config.journal),
    stop: async () => {
      isStopping = true;
      await terms.next(async (current) => {
        await current?.quiet();
        current?.journal.writer.settle();
        await lease?.release();
        current?.close();
        return null;
      });
      await Promise.all([kube.close(), lane.close(), http.close()]);
    },
  };
}
