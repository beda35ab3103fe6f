/** The join itself: each kind of orphan planted once is found, and a sound pair of log and journal has none. */
import { expect, it } from 'vitest';
import type { Outcome } from '#machines/cluster/observations.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { joinAudit, operatorAccount, orphans, type AuditEvent, type JoinedJournal } from './audit-join.ts';

const uid = '11111111-2222-3333-4444-555555555555';
const start = Date.parse('2026-01-01T00:00:00.000Z');

function row(seq: number, epoch: number, body: unknown): RecordRow {
  const text = JSON.stringify({
    reads: [],
    moves: [],
    intents: [],
    timers: { set: [], cleared: [] },
    to: '',
    ...(body as object),
  });
  return {
    ...{ rowid: seq, seq, epoch, at: start + seq, kind: 'observation', type: 'x', typeVersion: 1, maskVersion: 1 },
    ...{ causedBy: null, body: text, prev: '', hash: '' },
  };
}

function intent(ordinal: number): unknown {
  const request = { type: 'api', method: 'PATCH', path: '/x', query: {}, contentType: null, body: null, generated: [] };
  return { ordinal, type: 'CreateObject', class: 'B', target: { kind: 'Service', name: 's' }, because: '', request };
}

function ended(seq: number, ordinal: number, outcome: Outcome): unknown {
  return { observation: { type: 'OutcomeArrived', seq, ordinal, intent: 'CreateObject', target: {}, outcome } };
}

const applied: Outcome = { type: 'applied', uid: 'u', ownedHash: null, foreign: [] };
const seen = { observation: { type: 'Seen' } };
/** One intent, sent and answered. */
const sound: readonly RecordRow[] = [row(1, 4, { ...seen, intents: [intent(0)] }), row(2, 4, ended(1, 0, applied))];

function journal(rows: readonly RecordRow[]): JoinedJournal {
  return {
    clusters: () => [{ uid }],
    iterate: () => rows[Symbol.iterator](),
    blob: () => '',
  };
}

function event(auditID: string, fields: Partial<AuditEvent> & { readonly ms?: number } = {}): AuditEvent {
  return {
    auditID,
    verb: 'patch',
    stage: 'ResponseComplete',
    requestURI: '/x',
    requestReceivedTimestamp: new Date(start + (fields.ms ?? 100)).toISOString(),
    user: { username: operatorAccount },
    responseStatus: { code: 201 },
    objectRef: { resource: 'services', namespace: 'ns', name: 's' },
    ...fields,
  };
}

const key = (epoch: number, seq: number): string => `${uid}-${epoch}-${seq}-0`;

it('a sound pair has no orphans; Lease, reviews and the journal notice are counted by name', () => {
  const join = joinAudit(
    [
      event(key(4, 1)),
      event('a', { objectRef: { resource: 'leases' } }),
      event('b', { objectRef: { resource: 'selfsubjectaccessreviews' } }),
      event('c', { requestURI: '/x?fieldManager=postgres-operator-journal' }),
      event('d', { requestURI: '/x?dryRun=All' }),
      event('e', { verb: 'get' }),
    ],
    [journal(sound)],
  );
  expect(orphans(join)).toEqual([]);
  expect(join).toMatchObject({ changes: 1, intents: 1, exempt: { Lease: 1, review: 1, 'journal notice': 1 } });
});

it.each<readonly [string, readonly AuditEvent[], readonly RecordRow[], string]>([
  ['a change without an intent', [event(key(4, 1)), event(key(4, 9))], sound, 'a change without an earlier intent'],
  [
    'a change that bears no key at all',
    [event(key(4, 1)), event('random')],
    sound,
    'a change without an earlier intent',
  ],
  [
    'a change under the key of another term',
    [event(key(4, 1)), event(key(5, 1))],
    sound,
    'a change without an earlier intent',
  ],
  [
    'a command in a pod without an intent',
    [event(key(4, 1)), event('x', { verb: 'get', objectRef: { resource: 'pods', subresource: 'exec' } })],
    sound,
    'a change without an earlier intent',
  ],
  [
    'a change before its intent was durable',
    [event(key(4, 1), { ms: -50 })],
    sound,
    'a change without an earlier intent',
  ],
  ['a change sent twice', [event(key(4, 1)), event(key(4, 1))], sound, 'sent more than once'],
  ['an intent without an outcome', [event(key(4, 1))], sound.slice(0, 1), 'an intent without an outcome'],
  ['an outcome of a request that never arrived', [], sound, 'an outcome that the audit log contradicts'],
  [
    'a request that arrived although it was withheld',
    [event(key(4, 1))],
    [...sound.slice(0, 1), row(2, 4, ended(1, 0, { type: 'withheld', reason: '' }))],
    'an outcome that the audit log contradicts',
  ],
  [
    'a change of a term that was over',
    [event(key(5, 3), { ms: 50 }), event(key(4, 1), { ms: 60 })],
    [...sound, row(3, 5, { ...seen, intents: [intent(0)] }), row(4, 5, ended(3, 0, applied))],
    'a change of a term that is over',
  ],
])('%s is found', (_, events, rows, words) => {
  const found = orphans(joinAudit(events, [journal(rows)]));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(words);
});

it('the same request again after a 401 is no second one', () => {
  const events = [event(key(4, 1), { responseStatus: { code: 401 } }), event(key(4, 1))];
  expect(orphans(joinAudit(events, [journal(sound)]))).toEqual([]);
});

it('after a gap, and after the end of a cluster, nobody is left to answer', () => {
  const open = row(1, 4, { ...seen, intents: [intent(0)] });
  const gap = { ...row(2, 5, {}), kind: 'gap' as const };
  expect(orphans(joinAudit([event(key(4, 1))], [journal([open, gap])]))).toEqual([]);
  const gone = row(2, 4, { observation: { type: 'ClusterGone' } });
  expect(joinAudit([event(key(4, 1))], [journal([open, gone])]).openIntents).toHaveLength(1);
});
