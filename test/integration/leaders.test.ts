/**
 * Two operators on one Lease. The leader is paused between the check of the Lease and the send, the other takes over, the
 * first wakes up and sends what it was about to. Half of the pairs under the optional admission policy. PAIRS and ROUNDS as
 * environment for more.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeBody } from '#src/decision/codec.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader, type JournalReader } from '#src/journal/read.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import { contentOf } from '#src/replay/redecide.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { describeChange, orphans, type AuditEvent, type Provoked } from '#test/support/audit-join.ts';
import { bundledProcess } from '#test/support/bundled-process.ts';
import { accepted, cluster, clustersOf } from './api-world.ts';
import { hasStopped, held, pauseAt, startPair, stopPair, tryCreate, type Leader, type Pair } from './leaders-world.ts';
import {
  clusters,
  joinWorld,
  lookMs,
  operatorChanges,
  phases,
  replayAll,
  startLineWorld,
  type LineWorld,
} from './line-world.ts';

const pairCount = Number(process.env['PAIRS'] ?? '7');
const rounds = Number(process.env['ROUNDS'] ?? '3');

/** Fourteen operators on whatever the machine has left: what takes longer than this hangs. */
const patienceMs = 180_000;

interface Pause {
  readonly pair: Pair;
  readonly fenced: boolean;
  readonly epoch: number;
  /** When the deposed leader was woken. */
  readonly wokenAt: number;
  readonly next: Leader;
}

let world: LineWorld;
let pairs: readonly Pair[] = [];
const pauses: Pause[] = [];
/** Half of the pairs have no admission policy, and the second leader of a pair ends as it lives: by SIGKILL. */
const provoked: Provoked = {
  open: 'what a deposed leader has begun is answered in the journal of the next',
  late: 'what a deposed leader sends without the policy, and no precondition refuses',
};
const epochs = new Map<string, number[]>();

/**
 * Who wakes after its own deadline hangs up, and the API server writes 504 whether or not it had begun. What such a request
 * did is seen in what it left.
 */
const hungUp = 504;

const isFenced = (index: number): boolean => index % 2 === 1;

async function create(namespace: string, name: string, index: number): Promise<void> {
  const dcs = index % 2 === 0 ? 'Endpoints' : 'ConfigMaps';
  const manifest = cluster(name, {
    version: '17',
    replicas: 2,
    dcs,
    storage: { size: '1Gi' },
  });
  accepted(await clustersOf(world.api.kube, namespace).create(manifest));
}

/** What a cluster's status and its pair's Lease say now, for a test that waited in vain. */
async function said(pair: Pair, name: string): Promise<string> {
  const path = `/apis/postgres.example.com/v1alpha1/namespaces/${pair.namespace}/postgresclusters/${name}`;
  return JSON.stringify({ [name]: await world.api.kube.get(path), lease: await held(world, pair.lease) });
}

/** Waits for what a pair is to do; when it takes too long, says what its clusters and its Lease say then. */
async function waitOf(
  pair: Pair,
  names: readonly string[],
  what: string,
  check: () => Promise<boolean>,
): Promise<void> {
  try {
    await waitFor(what, check, patienceMs, lookMs);
  } catch (error) {
    const words = await Promise.all(names.map((name) => said(pair, name)));
    throw new Error(`${String(error)}: ${words.join('; ')}`, { cause: error });
  }
}

async function areRunning(names: readonly string[]): Promise<boolean> {
  const now = await phases(world.api);
  return names.every((name) => now.get(name) === 'Running');
}

/**
 * One pause of one pair's leader, in the midst of the work for a new cluster. Which of the two that is shows when it stops: a
 * leader that is starved for long enough loses its Lease by itself.
 */
async function pausePair(pair: Pair, index: number, round: number): Promise<Pause> {
  // Work before the pause keeps connections open: a send that has to connect first meets its own deadline when it wakes.
  const name = `${pair.namespace}-${round}`;
  const [made, removed] = [name, `${name}x`];
  await create(pair.namespace, removed, index + round);
  await waitOf(pair, [removed], `${removed} to be Running`, () => areRunning([removed]));
  // The n-th send from here: of a creation and a deletion at once.
  for (const each of pair.leaders) pauseAt(each, 1 + (((index * rounds + round) * 5) % 14));
  await create(pair.namespace, made, index + round);
  accepted(await clustersOf(world.api.kube, pair.namespace).remove(removed));
  const until = (what: string, check: () => Promise<boolean>): Promise<void> =>
    waitOf(pair, [made, removed], what, check);
  await until(`a leader of ${pair.lease} to stop before a send`, async () => pair.leaders.some(hasStopped));
  const leader = hasStopped(pair.leaders[0]) ? pair.leaders[0] : pair.leaders[1];
  const next = pair.leaders[leader === pair.leaders[0] ? 1 : 0];
  pauseAt(next, 0);
  const { epoch } = await held(world, pair.lease);
  await until(`${next.holder} to take over`, async () => (await held(world, pair.lease)).holder === next.holder);
  epochs.set(pair.lease, [...(epochs.get(pair.lease) ?? []), epoch, (await held(world, pair.lease)).epoch]);
  // Every other time the new one has done its work first.
  if (round % 2 === 1) await until(`${made} to be Running`, () => areRunning([made]));
  const wokenAt = Date.now();
  leader.process.kill('SIGCONT');
  return { pair, fenced: isFenced(index), epoch, wokenAt, next };
}

function reader(leader: Leader): JournalReader {
  return makeReader(openForReading(leader.journal));
}

/** What a deposed leader sent after it was woken. */
function zombies({ pair, epoch, wokenAt }: Pause): readonly AuditEvent[] {
  const uids = new Set(pair.leaders.flatMap((leader) => uidsOf(leader)));
  return operatorChanges(world.api).filter(({ auditID, requestReceivedTimestamp }) => {
    const [, uid = '', term = ''] = /^(.*)-(\d+)-\d+-\d+$/.exec(auditID) ?? [];
    return uids.has(uid) && Number(term) === epoch && Date.parse(requestReceivedTimestamp) >= wokenAt - 1;
  });
}

function uidsOf(leader: Leader): readonly string[] {
  const open = reader(leader);
  const found = open.clusters().map(({ uid }) => uid);
  open.close();
  return found;
}

/** Whoever does not lead has nothing under way and its journal closed: closing takes the write-ahead log away. */
async function isAtRest({ lease, leaders }: Pair): Promise<boolean> {
  const { holder } = await held(world, lease);
  return leaders.every((leader) => leader.holder === holder || !existsSync(`${leader.journal}-wal`));
}

/** Targets that a leader had to put right in its own terms. */
function repairs(leader: Leader): ReadonlySet<string> {
  const open = reader(leader);
  const found = open.clusters().flatMap(({ uid }) =>
    [...open.iterate({ uid })]
      .filter((row) => contentOf(row.kind) === 'decision')
      .flatMap((row) => decodeBody(row.body, open.blob).intents)
      .filter(({ type }) => type.startsWith('Repair'))
      .map(({ target }) => target.name),
  );
  open.close();
  return new Set(found);
}

/** What a deposed leader sent, was answered so, and the next leader then had to put right. */
function putRight(pause: Pause, answered: (code: number) => boolean): readonly AuditEvent[] {
  const repaired = repairs(pause.next);
  return zombies(pause).filter(
    ({ responseStatus, objectRef }) => answered(responseStatus?.code ?? 0) && repaired.has(objectRef?.name ?? ''),
  );
}

beforeAll(async () => {
  world = await startLineWorld('leaders');
  const program = await bundledProcess('test/integration/leader-process.ts', world.api.dir);
  pairs = await Promise.all(
    Array.from({ length: pairCount }, (_, index) => startPair(world, program, `pair${index}`, isFenced(index))),
  );
});

afterAll(async () => {
  for (const pair of pairs) stopPair(pair);
  await world.stop(provoked);
});

describe(`${pairCount * rounds} leaders paused between check and send`, () => {
  it('the other takes over, and every cluster gets to Running', { timeout: rounds * 2 * patienceMs }, async () => {
    for (let round = 0; round < rounds; round += 1)
      pauses.push(...(await Promise.all(pairs.map((pair, index) => pausePair(pair, index, round)))));
    const wanted = pairs.flatMap(({ namespace }) =>
      Array.from({ length: rounds }, (_, round) => `${namespace}-${round}`),
    );
    await waitFor('all clusters Running', () => areRunning(wanted), patienceMs, lookMs);
    // What is being deleted still writes journals and audit log while they are compared.
    await waitFor(
      'all others to be gone',
      async () => (await phases(world.api)).size === wanted.length,
      patienceMs,
      lookMs,
    );
    expect(pauses).toHaveLength(pairCount * rounds);
  });

  it('each term is above the one before', () => {
    for (const terms of epochs.values()) expect(terms).toEqual(terms.toSorted((a, b) => a - b));
    for (const terms of epochs.values()) expect(new Set(terms).size).toBeGreaterThan(rounds);
  });

  it('what deposed leaders sent after they woke did reach the API server; under the policy all of it is refused', async () => {
    // Not every one sends: the deadline of a request that has to connect first is over when its process wakes.
    for (const pair of pairs)
      await waitFor(`the deposed leader of ${pair.lease} to rest`, () => isAtRest(pair), patienceMs);
    const [fenced, open] = [true, false].map((kind) => pauses.filter((pause) => pause.fenced === kind));
    expect(fenced?.flatMap(zombies).length).toBeGreaterThan(0);
    expect(open?.flatMap(zombies).length).toBeGreaterThan(0);
    // Which of them comes first depends on when the process woke: a precondition (409, 422 for another uid), a target that
    // is gone (404), or the policy (403). That the policy alone is enough is asked below.
    const refused = [403, 404, 409, 422];
    const stood = fenced?.flatMap((pause) => putRight(pause, (code) => code === hungUp));
    const effective = fenced?.flatMap(zombies).filter(({ responseStatus }) => {
      const code = responseStatus?.code ?? 0;
      return code !== hungUp && !refused.includes(code);
    });
    expect([...(effective ?? []), ...(stood ?? [])].map(describeChange)).toEqual([]);
  });

  it('the policy alone refuses a deposed leader: a new object, which no precondition guards', async () => {
    for (const [index, pair] of pairs.entries()) {
      const { holder } = await held(world, pair.lease);
      const deposed = pair.leaders.find((leader) => leader.holder !== holder)?.holder ?? '';
      const allowed = { type: 'created' };
      const denied = {
        type: 'denied',
        because: `the Lease is held by ${holder}, not by ${deposed}`,
      };
      expect([holder, await tryCreate(world, pair, holder)]).toEqual([holder, allowed]);
      expect([deposed, await tryCreate(world, pair, deposed)]).toEqual([deposed, isFenced(index) ? denied : allowed]);
    }
  });

  it('without it, what was not refused was what the new leader wanted too: nothing had to be put right', () => {
    const effective = pauses
      .filter((pause) => !pause.fenced)
      .flatMap((pause) => putRight(pause, (code) => code < 300 || code === hungUp));
    expect(effective.map(describeChange)).toEqual([]);
    expect(world.kubelet.troubles).toEqual([]);
  });

  it('no status of a deposed leader stands over one of the new leader', async () => {
    for (const [name, object] of await clusters(world.api)) {
      const { journal } = object['status'] as {
        readonly journal: { readonly epoch: number };
      };
      const lease = name.replace(/-\d+$/, '');
      const [first = 0] = epochs.get(lease) ?? [];
      const { epoch: last } = await held(world, lease);
      expect([name, journal.epoch >= first && journal.epoch <= last]).toEqual([name, true]);
    }
  });

  it('every change is one earlier intent of one of the journals, and each journal is sound and replays', () => {
    const readers = pairs.flatMap(({ leaders }) => leaders.map(reader));
    expect(orphans(joinWorld(world.api), provoked)).toEqual([]);
    for (const each of readers) {
      const { rows, verified } = replayAll(each);
      expect(verified).toBe(rows);
      each.close();
    }
    for (const { journal } of pairs.flatMap(({ leaders }) => leaders)) {
      const db = openForReading(journal);
      expect(verifyJournal(db).damage).toEqual([]);
      db.close();
    }
  });

  it('a journal that was not there for a term says so, once for each cluster and term', () => {
    for (const { leaders } of pairs) {
      const gaps = leaders.flatMap((leader) => {
        const open = reader(leader);
        const found = open.clusters().flatMap(({ uid }) => open.gaps(uid).map((gap) => `${uid} in ${gap.epoch}`));
        open.close();
        return found;
      });
      expect(gaps.length).toBeGreaterThan(0);
      expect(new Set(gaps).size).toBe(gaps.length);
    }
  });
});
