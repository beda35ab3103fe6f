/**
 * Owns: the join of an API server's audit log with journals, for every suite that has both. Each change that the operator
 * asked for is exactly one intent that was durable before it, of the term in force; each intent has its outcome, and one
 * that says the API server answered is found in the log. What is exempt has a name and is counted.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { fieldManagers } from '#machines/shared/names.ts';
import type { Outcome } from '#machines/cluster/observations.ts';
import { decodeBody } from '#src/decision/codec.ts';
import { effectKey, type IntentRecord } from '#src/decision/record.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { contentOf } from '#src/replay/redecide.ts';

export const operatorAccount = 'system:serviceaccount:postgres-operator-system:postgres-operator';

export interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly user: { readonly username: string };
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

/** What the join reads of a journal. */
export interface JoinedJournal {
  readonly clusters: () => readonly { readonly uid: string }[];
  readonly iterate: (filter: { readonly uid: string }) => IterableIterator<RecordRow>;
  readonly blob: (hash: string) => string;
}

/** Changes that have no intent, by name (docs/proof.md). */
const unintended: Readonly<Record<string, (event: AuditEvent) => boolean>> = {
  Lease: ({ objectRef }) => objectRef?.resource === 'leases',
  review: ({ objectRef }) => /reviews?$/.test(objectRef?.resource ?? ''),
  'journal key': ({ requestURI }) => requestURI.includes(`fieldManager=${fieldManagers.journalKey}`),
  'journal notice': ({ requestURI }) => requestURI.includes(`fieldManager=${fieldManagers.journal}`),
};

/** Why an intent may have no outcome, or a change may come late. A suite names what it provokes. */
export interface Provoked {
  /** Processes were killed and none came after them: what they had begun stays open. */
  readonly open?: string;
  /** Deposed leaders send without the admission policy: what is benign gets through. */
  readonly late?: string;
}

export interface Join {
  /** Changes that no earlier durable intent explains. */
  readonly unexplained: readonly string[];
  /** Audit-IDs that more than one request bore; one repeated after a 401 is the same request. */
  readonly twice: readonly string[];
  /** Changes that took effect in a term that was over for their cluster. */
  readonly late: readonly string[];
  /** Intents without an outcome. */
  readonly openIntents: readonly string[];
  /** Intents whose outcome is an answer of the API server, which has no such request; or that were withheld, and it has. */
  readonly unseen: readonly string[];
  readonly changes: number;
  readonly intents: number;
  /** Changes without an intent, by the name of their exception. */
  readonly exempt: Readonly<Record<string, number>>;
}

interface ReadLog {
  readonly inode: number;
  /** Bytes and lines that have been read: up to here the log does not change. */
  readonly bytes: number;
  readonly lines: number;
  readonly told: readonly { readonly line: number; readonly event: AuditEvent }[];
}

/** What has been read of each log: those that wait look at it ten times a second, and it grows to many megabytes. */
const read = new Map<string, ReadLog>();

/** The whole lines of a file from a place on. */
function linesAfter(file: string, bytes: number): { readonly lines: readonly string[]; readonly bytes: number } {
  const descriptor = openSync(file, 'r');
  const buffer = Buffer.alloc(fstatSync(descriptor).size - bytes);
  readSync(descriptor, buffer, 0, buffer.length, bytes);
  closeSync(descriptor);
  const end = buffer.lastIndexOf('\n') + 1;
  return { lines: end === 0 ? [] : buffer.toString('utf8', 0, end - 1).split('\n'), bytes: bytes + end };
}

function readOn(file: string): ReadLog {
  const { ino, size } = statSync(file);
  const before = read.get(file);
  const from = before?.inode === ino && before.bytes <= size ? before : { bytes: 0, lines: 0, told: [] };
  const { lines, bytes } = linesAfter(file, from.bytes);
  const told = lines
    .map((text, index) => ({ text, line: from.lines + index }))
    .filter(({ text }) => text.includes(operatorAccount))
    .map(({ text, line }) => ({ line, event: JSON.parse(text) as AuditEvent }))
    // What is long in coming, a command in a pod, is told of twice: when it starts, and when it has ended.
    .filter(({ event }) => event.user.username === operatorAccount && event.stage !== 'ResponseStarted');
  const after = { inode: ino, bytes, lines: from.lines + lines.length, told: [...from.told, ...told] };
  read.set(file, after);
  return after;
}

/** Everything the operator's account asked for, in the order of the log; lists and watches are not in it. */
export function operatorEvents(auditLog: string, fromLine = 0): readonly AuditEvent[] {
  return readOn(auditLog)
    .told.filter(({ line }) => line >= fromLine)
    .map(({ event }) => event);
}

/** A command in a pod is asked for with GET, and changes something nevertheless. */
function isChange({ verb, requestURI, objectRef }: AuditEvent): boolean {
  return !requestURI.includes('dryRun') && (verb !== 'get' || objectRef?.subresource === 'exec');
}

function exceptionOf(event: AuditEvent): string | null {
  return Object.entries(unintended).find(([, applies]) => applies(event))?.[0] ?? null;
}

/** Changes of the operator that must have an intent. */
export function changesIn(events: readonly AuditEvent[]): readonly AuditEvent[] {
  return events.filter((event) => isChange(event) && exceptionOf(event) === null);
}

/** One request as a line for a failed test to show. */
export function describeChange({ verb, objectRef, auditID, responseStatus }: AuditEvent): string {
  const { resource = '', subresource = '', namespace = '', name = '' } = objectRef ?? {};
  return `${verb} ${resource}/${subresource} ${namespace}/${name} ${responseStatus?.code ?? 0} ${auditID}`;
}

interface Recorded {
  readonly at: number;
  readonly intent: IntentRecord;
  /** Null: none yet. Text: why none can come any more. */
  outcome: Outcome | string | null;
}

interface History {
  readonly intents: ReadonlyMap<string, Recorded>;
  /** Highest term that began with a gap; 0 when none did. */
  readonly gap: number;
}

/** All intents of one cluster in one journal, by effect key, with what became of them. */
function historyOf(journal: JoinedJournal, uid: string): History {
  let gap = 0;
  const found = new Map<string, Recorded>();
  const epochs = new Map<number, number>();
  const end = (why: string, which: (intent: IntentRecord) => boolean): void => {
    for (const recorded of found.values()) if (which(recorded.intent)) recorded.outcome ??= why;
  };
  for (const row of journal.iterate({ uid })) {
    epochs.set(row.seq, row.epoch);
    // Whatever was under way is unknown from here on: others acted in between.
    if (contentOf(row.kind) === 'gap') {
      end('gap', () => true);
      gap = row.epoch;
    }
    if (contentOf(row.kind) !== 'decision') continue;
    const { observation, intents } = decodeBody(row.body, journal.blob);
    for (const intent of intents) found.set(effectKey(uid, row, intent.ordinal), { at: row.at, intent, outcome: null });
    // Nobody is left to ask: that the object is gone is the outcome.
    if (observation.type === 'ClusterGone')
      end('the cluster is gone', ({ target }) => target.kind === 'PostgresCluster' || target.kind === 'Event');
    if (observation.type !== 'OutcomeArrived') continue;
    const epoch = epochs.get(observation.seq) ?? 0;
    const recorded = found.get(effectKey(uid, { epoch, seq: observation.seq }, observation.ordinal));
    if (recorded !== undefined) recorded.outcome = observation.outcome;
  }
  return { intents: found, gap };
}

/** Intents of all journals; what a lost journal left open is ended by the gap with which another one went on. */
function intentsOf(journals: readonly JoinedJournal[]): ReadonlyMap<string, Recorded> {
  const histories = new Map<string, History[]>();
  for (const journal of journals)
    for (const { uid } of journal.clusters())
      histories.set(uid, [...(histories.get(uid) ?? []), historyOf(journal, uid)]);
  const all = new Map<string, Recorded>();
  for (const ofTheCluster of histories.values()) {
    const gap = Math.max(...ofTheCluster.map((history) => history.gap));
    for (const [key, recorded] of ofTheCluster.flatMap(({ intents }) => [...intents])) {
      if (clusterAndTerm(key).epoch < gap) recorded.outcome ??= 'gap';
      // A copy of a journal may know more of an intent than another.
      if (recorded.outcome !== null || !all.has(key)) all.set(key, recorded);
    }
  }
  return all;
}

/** True when the outcome itself is the API server's answer to this very request. */
function isAnswered({ intent, outcome }: Recorded): boolean {
  if (outcome === null || typeof outcome === 'string' || intent.request.type !== 'api') return false;
  if (intent.request.method === 'GET') return false;
  // A Secret's creation may end at a Secret it copies from, before anything was sent.
  if (intent.type === 'CreateSecret') return outcome.type === 'applied';
  return ['applied', 'compared', 'deleted', 'refused', 'conflict', 'absent'].includes(outcome.type);
}

function clusterAndTerm(auditId: string): { readonly uid: string; readonly epoch: number } {
  const [, uid = '', epoch = '0'] = /^(.*)-(\d+)-\d+-\d+$/.exec(auditId) ?? [];
  return { uid, epoch: Number(epoch) };
}

/** Changes that took effect although a later term had already acted on their cluster. */
function lateOnes(changes: readonly AuditEvent[]): readonly AuditEvent[] {
  const terms = new Map<string, number>();
  const inTime = changes
    .filter(({ responseStatus }) => (responseStatus?.code ?? 0) < 300)
    .toSorted((a, b) => Date.parse(a.requestReceivedTimestamp) - Date.parse(b.requestReceivedTimestamp));
  return inTime.filter(({ auditID }) => {
    const { uid, epoch } = clusterAndTerm(auditID);
    const highest = Math.max(terms.get(uid) ?? 0, epoch);
    terms.set(uid, highest);
    return epoch < highest;
  });
}

function repeated(events: readonly AuditEvent[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { auditID, responseStatus } of events)
    if (responseStatus?.code !== 401) counts.set(auditID, (counts.get(auditID) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 1).map(([id, count]) => `${id} ${count} times`);
}

/** Joins what the operator's account asked for with the journals that led it. */
export function joinAudit(events: readonly AuditEvent[], journals: readonly JoinedJournal[]): Join {
  const intents = intentsOf(journals);
  const changes = changesIn(events);
  const seen = new Set(events.map(({ auditID }) => auditID));
  const unexplained = changes.filter(({ auditID, requestReceivedTimestamp }) => {
    const recorded = intents.get(auditID);
    if (recorded === undefined) return true;
    const { request } = recorded.intent;
    const mayChange = request.type !== 'api' || request.method !== 'GET';
    return !mayChange || recorded.at > Date.parse(requestReceivedTimestamp) + 1;
  });
  const exempt: Record<string, number> = {};
  for (const event of events.filter(isChange)) {
    const name = exceptionOf(event);
    if (name !== null) exempt[name] = (exempt[name] ?? 0) + 1;
  }
  const entries = [...intents];
  const words = ([key, { intent }]: (typeof entries)[number]): string => `${intent.type} ${intent.target.name} ${key}`;
  const isWithheld = ({ outcome }: Recorded): boolean =>
    outcome !== null && typeof outcome !== 'string' && outcome.type === 'withheld';
  return {
    unexplained: unexplained.map(describeChange),
    twice: repeated(changes),
    late: lateOnes(changes).map(describeChange),
    openIntents: entries.filter(([, { outcome }]) => outcome === null).map(words),
    unseen: entries
      .filter(([key, recorded]) => (isAnswered(recorded) && !seen.has(key)) || (isWithheld(recorded) && seen.has(key)))
      .map(words),
    changes: changes.length,
    intents: intents.size,
    exempt,
  };
}

/** What a join holds against the operator, all of it in words; empty when nothing. */
export function orphans(join: Join, provoked: Provoked = {}): readonly string[] {
  return [
    ...join.unexplained.map((each) => `a change without an earlier intent: ${each}`),
    ...join.twice.map((each) => `sent more than once: ${each}`),
    ...(provoked.late === undefined ? join.late.map((each) => `a change of a term that is over: ${each}`) : []),
    ...(provoked.open === undefined ? join.openIntents.map((each) => `an intent without an outcome: ${each}`) : []),
    ...join.unseen.map((each) => `an outcome that the audit log contradicts: ${each}`),
  ];
}
