/**
 * Owns: one term of leadership, from the moment the Lease is held: anchors and the key of digests → journal (proved against them) → gaps → line.
 * Everything known from an earlier term is forgotten with it; what came between is read from the API server anew.
 * Called by: operator. Never two at once: the next begins when the last has closed.
 */
import type { BehaviorSubject } from 'rxjs';
import { existsSync } from 'node:fs';
import { JournalEmpty, JournalRefused, openForReading } from '#src/journal/database.ts';
import { openInSteps, type Journal, type JournalOpened } from '#src/journal/journal.ts';
import { makeReader } from '#src/journal/read.ts';
import type { Anchor, VerifyProgress } from '#src/journal/verify.ts';
import type { TermBegun } from '#src/kube/lease.ts';
import { maskVersion } from '#src/stream/door/project.ts';
import { readAnchors, untilAnswered, type AnchoredCluster } from './anchors.ts';
import { makeJournalNotice, type JournalNotice } from './journal-notice.ts';
import { holdDigestKey, readDigestKey, type DigestKey, type DigestKeyPorts } from './digest-key.ts';
import { epochOf, gapsOf, ownAnchors } from './lineage.ts';
import { lateNamespaces, type LatePorts } from './late.ts';
import { startLine, type Opened } from './line.ts';
import type { Pipeline } from './pipeline.ts';
import { startRetention } from './retention.ts';

export interface TermPorts extends Omit<Opened, 'journal' | 'digestKey' | 'writable' | 'late'> {
  readonly writable: BehaviorSubject<boolean>;
  /** True once this term cannot be begun any more: another one has, somebody else leads, or the process stops. */
  readonly isOver: () => boolean;
  /** Told what the term waits for before it has begun. */
  readonly onWaiting: (because: string) => void;
}

export interface Term {
  readonly journal: Journal;
  readonly pipeline: Pipeline;
  /** Watches and actors end, effects under way are waited for; no change is sent afterwards. */
  readonly quiet: () => Promise<void>;
  /** Makes everything durable and closes the journal. */
  readonly close: () => void;
}

/**
 * Reads a journal before it is opened for writing; null when there is none, or none that can be read.
 * @throws JournalRefused when it is another program's or of a newer format
 */
function peek<T>(path: string, ask: (reader: ReturnType<typeof makeReader> | null) => T): T {
  if (!existsSync(path)) return ask(null);
  try {
    const reader = makeReader(openForReading(path));
    try {
      return ask(reader);
    } finally {
      reader.close();
    }
  } catch (error) {
    if (error instanceof JournalRefused && !(error instanceof JournalEmpty)) throw error;
    // Damage is dealt with by whoever opens it for writing.
    return ask(null);
  }
}

/** Highest epoch in a journal file; 0 when there is none. @throws JournalRefused when it may not be used */
export function journalEpoch(path: string): number {
  return peek(path, (reader) => (reader === null ? 0 : epochOf(reader)));
}

/** Longest that opening a journal keeps everybody else from his turn. */
const turnMs = 10;
/** Between two looks whether SQLite has checked the pages. */
const idleMs = 50;
/** Between two words in the log about a journal that is being verified. */
const tellMs = 10_000;

function progressWords({ part, done, of }: VerifyProgress): string {
  return `the journal is being verified: ${done}${of === null ? '' : ` of ${of}`} ${part}`;
}

/** Goes through the steps, and lets everybody else have a turn in between. @returns null when the term was over before their end */
async function inTurns(
  { options, isOver, onWaiting }: TermPorts,
  steps: Generator<VerifyProgress, JournalOpened>,
): Promise<JournalOpened | null> {
  const { ports, log } = options;
  const { monotonicMs } = ports.clock;
  const begun = monotonicMs();
  let [since, told] = [begun, begun];
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    const isIdle = step.value.done === 0;
    if (monotonicMs() - since < turnMs && !isIdle) continue;
    const words = progressWords(step.value);
    onWaiting(words);
    if (monotonicMs() - told >= tellMs) {
      told = monotonicMs();
      log.info({ because: words, ms: Math.round(told - begun) }, 'no decision before the journal is verified');
    }
    await new Promise<void>(
      (resolve) => void (isIdle ? ports.ticks.after(idleMs, resolve) : ports.ticks.soon(resolve)),
    );
    if (isOver()) break;
    since = monotonicMs();
  }
  // Whatever it has open is closed with it.
  steps.return(null as never);
  return null;
}

function open(ports: TermPorts, anchors: readonly Anchor[], notice: JournalNotice): Promise<JournalOpened | null> {
  const { options, metrics, writable } = ports;
  const { config, log, build } = options;
  // Before the journal may say no.
  metrics.journalWritable.set(1);
  const steps = openInSteps({
    path: config.journal,
    build,
    anchors: peek(config.journal, (reader) => ownAnchors(reader, anchors)),
    ports: options.ports,
    checkPages: options.checkPages,
    onWritable: (isWritable, because) => {
      metrics.journalWritable.set(isWritable ? 1 : 0);
      log[isWritable ? 'info' : 'error']({ writable: isWritable, because }, 'journal');
      writable.next(isWritable);
      notice.tell(isWritable, because);
    },
    onFatal: (error) => options.onFatal(`the journal cannot be trusted any more: ${error.message}`),
    onCommit: (_rows, ms) => metrics.commitSeconds.observe(ms / 1000),
  });
  return inTurns(ports, steps);
}

/** Clusters whose history, or the latest part of it, is elsewhere: that is the first thing recorded. */
function recordGaps(
  { options, metrics }: TermPorts,
  journal: Journal,
  from: { readonly clusters: readonly AnchoredCluster[]; readonly begun: TermBegun },
): void {
  for (const { cluster, body } of gapsOf(journal.reader, from.clusters, from.begun.previous)) {
    const { namespace, name, anchor } = cluster;
    metrics.journalGaps.inc();
    options.log.warn(
      { cluster: `${namespace}/${name}`, seq: anchor.seq, because: body.because },
      'journal does not hold the latest of this cluster: the gap is recorded',
    );
    journal.writer.append({
      cluster: { uid: anchor.uid, namespace, name },
      epoch: from.begun.epoch,
      at: options.ports.clock.nowMs(),
      kind: 'gap',
      type: 'JournalLost',
      typeVersion: 1,
      maskVersion,
      causedBy: null,
      body: JSON.stringify(body),
    });
  }
}

function digestKeyPorts({ options, kube, lease }: TermPorts, { epoch }: TermBegun): DigestKeyPorts {
  const { config, log, ports } = options;
  return {
    get: (path) => kube.get(path),
    send: kube.send,
    chance: ports.chance,
    mayAct: () => lease.mayAct() && lease.epoch() === epoch,
    namespace: config.lease.namespace,
    made: (keyId) =>
      log.warn({ keyId }, 'a new key for digests of Secrets: those of an earlier key cannot be compared with them'),
    trouble: (because) => log.warn({ because }, 'no key for digests of Secrets: their values are not told apart'),
  };
}

/** Whose namespace could not be read gets what was due at the beginning once it can. */
function latePorts(ports: TermPorts, journal: Journal, begun: TermBegun): LatePorts {
  const { options, kube, metrics } = ports;
  return {
    ticks: options.ports.ticks,
    read: (namespace) => readAnchors(kube, [namespace]),
    found: ({ clusters }) => recordGaps(ports, journal, { clusters, begun }),
    trouble: (namespace, because) => {
      metrics.watchTroubles.inc({ source: `PostgresCluster in ${namespace}` });
      options.log.warn({ namespace, because }, 'a namespace cannot be read; its clusters wait, the others do not');
    },
  };
}

/** What the API server answers once it does. @returns null when the term was over before that */
function answered<T>({ options, isOver, onWaiting }: TermPorts, ask: () => Promise<T>): Promise<T | null> {
  return untilAnswered(
    async () => (isOver() ? null : ask()),
    () => new Promise((resolve) => void options.ports.ticks.after(1000, resolve)),
    (because) => {
      onWaiting(`waiting for the API server: ${because}`);
      options.log.warn({ because }, 'waiting for the API server');
    },
  );
}

/**
 * Begins a term that the Lease has given.
 * @returns null when the term was over before it could begin
 * @throws JournalRefused when the file may not be used
 */
export async function beginTerm(ports: TermPorts, begun: TermBegun): Promise<Term | null> {
  const { options, kube, runInPod, metrics, lease, writable } = ports;
  const { config, log } = options;
  const known = await answered(ports, () => readAnchors(kube, config.namespaces));
  if (known === null || ports.isOver()) return null;
  const askForKey = (): Promise<DigestKey> => readDigestKey(digestKeyPorts(ports, begun));
  const key = await answered(ports, askForKey);
  if (key === null || ports.isOver()) return null;
  const notice = makeJournalNotice({
    kube,
    namespaces: config.namespaces,
    ...options.ports,
    log,
    mayAct: () => lease.mayAct() && lease.epoch() === begun.epoch,
  });
  const opening = await open(ports, known.anchors, notice);
  if (opening === null) {
    notice.stop();
    return null;
  }
  const { journal } = opening;
  // An earlier term may have ended while its journal could not be written; that it can now, this one's writer never tells.
  writable.next(journal.writer.isWritable());
  if (opening.type === 'quarantined') {
    metrics.journalGaps.inc();
    log.error(
      { because: opening.because, movedTo: opening.movedTo },
      'journal was damaged and is kept aside; a new one begins',
    );
  }
  // Said by a process that did not live to take it back.
  if (writable.value && known.clusters.some(({ journalIntact }) => !journalIntact)) notice.tell(true, 'a new term');
  metrics.epoch.set(begun.epoch);
  recordGaps(ports, journal, { clusters: known.clusters, begun });
  const held = holdDigestKey(key, askForKey, options.ports.ticks);
  const late = lateNamespaces(known.unread, latePorts(ports, journal, begun));
  const opened = { options, kube, runInPod, journal, metrics, lease, writable, digestKey: held.now, late };
  const pipeline = startLine(opened, begun.epoch);
  const stopRetention = startRetention({
    journal,
    actors: pipeline.actors,
    keep: config.keep,
    ...options.ports,
    log,
    readAnchors: () => readAnchors(kube, config.namespaces),
    onPruned: (pruned) => log.info({ ...pruned }, 'journal pruned'),
  });
  return {
    journal,
    pipeline,
    quiet: async () => {
      held.stop();
      stopRetention();
      notice.stop();
      pipeline.subscription.unsubscribe();
      // Whoever leads next tells of them.
      metrics.clusters.reset();
      metrics.editWars.set(0);
      await pipeline.executor.drain();
    },
    close: () => {
      journal.writer.settle();
      journal.close();
    },
  };
}
