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
import { held, pauseAt, startPair, stopPair, stopped, tryCreate, type Leader, type Pair } from './leaders-world.ts';
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

/** Waits for one cluster of a pair; when it takes too long, says what its status and the pair's Lease say then. */
async function waitUntilRuns(pair: Pair, name: string): Promise<void> {
  const path = `/apis/postgres.example.com/v1alpha1/namespaces/${pair.namespace}/postgresclusters/${name}`;
  const status = async (): Promise<{ readonly phase?: string }> =>
    (accepted(await world.api.kube.get(path)) as { readonly status?: { readonly phase?: string } }).status ?? {};
  try {
    await waitFor(`${name} to be Running`, async () => (await status()).phase === 'Running', patienceMs, lookMs);
  } catch (error) {
    const said = { status: await status(), lease: await held(world, pair.lease) };
    throw new Error(`${String(error)}: ${JSON.stringify(said)}`, { cause: error });
  }
}

async function areRunning(names: readonly string[]): Promise<boolean> {
  const now = await phases(world.api);
  return names.every((name) => now.get(name) === 'Running');
}

/** One pause of one pair's leader, in the midst of the work for a new cluster. */
async function pausePair(pair: Pair, index: number, round: number): Promise<Pause> {
  const before = await held(world, pair.lease);
  const leader = pair.leaders.find(({ holder }) => holder === before.holder);
  const next = pair.leaders.find(({ holder }) => holder !== before.holder);
  if (leader === undefined || next === undefined) throw new Error(`nobody of ${pair.lease} leads: ${before.holder}`);
  // Work before the pause keeps connections open: a send that has to connect first meets its own deadline when it wakes.
  const name = `${pair.namespace}-${round}`;
  await create(pair.namespace, `${name}x`, index + round);
  await waitUntilRuns(pair, `${name}x`);
  // The n-th send from here: of a creation and a deletion at once.
  pauseAt(leader, 1 + (((index * rounds + round) * 5) % 14));
  await create(pair.namespace, name, index + round);
  accepted(await clustersOf(world.api.kube, pair.namespace).remove(`${name}x`));
  await stopped(leader);
  await waitFor(
    `${next.holder} to take over`,
    async () => (await held(world, pair.lease)).holder === next.holder,
    patienceMs,
    lookMs,
  );
  epochs.set(pair.lease, [...(epochs.get(pair.lease) ?? [before.epoch]), (await held(world, pair.lease)).epoch]);
  // Every other time the new one has done its work first.
  if (round % 2 === 1) await waitUntilRuns(pair, name);
  const wokenAt = Date.now();
  leader.process.kill('SIGCONT');
  return { pair, fenced: isFenced(index), epoch: before.epoch, wokenAt, next };
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
    expect(pauses).toHaveLength(pairCount * rounds);
  });

  it('each term is above the one before', () => {
    for (const terms of epochs.values()) expect(terms).toEqual(terms.toSorted((a, b) => a - b));
    for (const terms of epochs.values()) expect(new Set(terms).size).toBe(rounds + 1);
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
      const terms = epochs.get(name.replace(/-\d+$/, '')) ?? [];
      expect([name, terms.includes(journal.epoch)]).toEqual([name, true]);
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
