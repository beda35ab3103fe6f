/**
 * Starts over a journal that is not what it was: damaged, an older copy, another installation's, gone; or the Lease is.
 * Each time the phases are found again from the API server, nothing is written, the gap is recorded, and the term is a new one.
 */
import { copyFileSync, existsSync, openSync, closeSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fieldManagers, journalKeySecret } from '#machines/shared/names.ts';
import { timelineLine, timelineOf } from '#src/export/timeline.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader } from '#src/journal/read.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import type { Operator } from '#src/operator/operator.ts';
import { decisionOf } from '#src/replay/redecide.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { fillLikeAnOperator, manualTicks, opened } from '#test/src/journal/journals.ts';
import { describeChange, operatorEvents } from '#test/support/audit-join.ts';
import { journalBytes, leaks, secretValues } from '#test/support/canary.ts';
import { accepted, cluster, clustersOf } from './api-world.ts';
import {
  answered,
  clusters,
  noStatusDue,
  operatorChanges,
  phases,
  replayAll,
  startLineWorld,
  type LineWorld,
} from './line-world.ts';

const names = ['a', 'b'];
const home = 'postgres-operator-system';
let world: LineWorld;
let operator: Operator;
/** Highest term so far. */
let term = 0;

const file = (suffix = ''): string => `${world.api.dir}/journal.db${suffix}`;
const quarantined = (): readonly string[] =>
  readdirSync(world.api.dir).filter((name) => /^journal\.db\.quarantined-\d+$/.test(name));

function heads(): readonly number[] {
  try {
    return operator
      .journal()
      .reader.clusters()
      .filter(({ namespace }) => namespace === 'default')
      .map(({ head }) => head.epoch);
  } catch {
    // Between two terms no journal is open.
    return [];
  }
}

/** The term in which everything of each cluster was last seen: its rows up to there are what was found, not what happened. */
function wholeIn(): readonly number[] {
  try {
    const { reader } = operator.journal();
    return reader
      .clusters()
      .filter(({ namespace }) => namespace === 'default')
      .map(({ uid }) => [...reader.iterate({ uid })].findLast(({ kind }) => kind === 'synced')?.epoch ?? 0);
  } catch {
    // Between two terms no journal is open.
    return [];
  }
}

/** True when the picture of every cluster is whole in a higher term than the last one. */
function isAbove(): boolean {
  const found = wholeIn();
  return found.length === names.length && found.every((epoch) => epoch > term);
}

/** Reasons of the gaps that the present term has recorded, one for each cluster. */
function gaps(): readonly string[] {
  const { reader } = operator.journal();
  return reader
    .clusters()
    .flatMap(({ uid }) => reader.gaps(uid))
    .filter(({ epoch }) => epoch === term)
    .map(({ body }) => (JSON.parse(body) as { readonly because: string }).because);
}

async function allRunning(): Promise<boolean> {
  const now = await phases(world.api);
  return names.every((name) => now.get(name) === 'Running');
}

/** Place in the journal that the status of each cluster names. */
async function places(): Promise<ReadonlyMap<string, string>> {
  return new Map(
    [...(await clusters(world.api))].map(([name, item]) => [
      name,
      JSON.stringify((item['status'] as { readonly journal?: unknown } | undefined)?.journal),
    ]),
  );
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${operator.http.httpPort}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

/** Something changes that the operator puts right: rows, an intent, an outcome. */
async function work(): Promise<void> {
  const before = operatorChanges(world.api).length;
  await world.api.kubectl(['delete', 'service', 'a-repl']);
  await waitFor('the Service again', () => operatorChanges(world.api).length > before, 30_000);
  await answered(world.api);
}

async function stop(): Promise<void> {
  await answered(world.api);
  await operator.stop();
  world.keep('journal.db');
}

/** Starts over what lies there now, and waits until every cluster was seen whole in a higher term. @returns the changes made */
async function start(): Promise<readonly string[]> {
  const before = operatorChanges(world.api).length;
  operator = await world.operator('journal.db');
  await waitFor('every cluster seen whole in a higher term', isAbove, 30_000);
  term = Math.max(...heads());
  await answered(world.api);
  return operatorChanges(world.api).slice(before).map(describeChange);
}

function removeJournal(): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(file(suffix), { force: true });
}

/** A copy of the journal as it lies there, in the midst of its life. */
function copyTo(target: string): void {
  for (const suffix of ['', '-wal']) if (existsSync(file(suffix))) copyFileSync(file(suffix), `${target}${suffix}`);
}

function putBack(from: string): void {
  removeJournal();
  for (const suffix of ['', '-wal']) if (existsSync(`${from}${suffix}`)) copyFileSync(`${from}${suffix}`, file(suffix));
}

beforeAll(async () => {
  world = await startLineWorld('start');
  operator = await world.operator('journal.db');
  for (const name of names)
    accepted(await clustersOf(world.api.kube).create(cluster(name, { version: '17', storage: { size: '1Gi' } })));
  await waitFor('both Running', allRunning, 60_000);
  await answered(world.api);
  term = Math.max(...heads());
});

afterAll(() => world.stop());

describe('a start over', () => {
  it('a sound journal records no gap and changes nothing', async () => {
    await stop();
    expect(await start()).toEqual([]);
    expect(gaps()).toEqual([]);
    expect(await metric('postgres_operator_journal_gaps_total')).toBe(0);
    // Nothing has moved in this term, and they are counted nevertheless.
    expect(await metric(String.raw`postgres_operator_clusters\{phase="Running"\}`)).toBe(names.length);
  });

  it('a damaged journal puts it aside, whole, and begins another', async () => {
    await stop();
    const size = statSync(file()).size;
    const descriptor = openSync(file(), 'r+');
    for (let at = 20_000; at < size; at += 4096) writeSync(descriptor, Buffer.of(0x5a), 0, 1, at);
    closeSync(descriptor);
    expect(await start()).toEqual([]);
    expect(await allRunning()).toBe(true);
    expect(quarantined()).toHaveLength(1);
    expect(statSync(`${world.api.dir}/${quarantined()[0] ?? ''}`).size).toBe(size);
    expect(gaps()).toHaveLength(names.length);
    expect(await metric('postgres_operator_journal_gaps_total')).toBe(names.length + 1);
  });

  it('an older copy of the same term is not taken for the journal', async () => {
    copyTo(`${world.api.dir}/older`);
    await work();
    // A status names a place that the copy has not reached.
    const status = async (): Promise<string | undefined> => (await places()).get('a');
    const before = await status();
    const set = (params: string): Promise<string> =>
      world.api.kubectl([
        ...['patch', 'postgrescluster', 'a', '--type=merge', '-p'],
        `{"spec":{"postgresqlParams":${params}}}`,
      ]);
    await set('{"work_mem":"wide"}');
    await waitFor('a status that speaks of it', async () => (await status()) !== before, 30_000);
    const last = await status();
    await set('null');
    await waitFor('a status that takes it back', async () => (await status()) !== last, 30_000);
    await stop();
    putBack(`${world.api.dir}/older`);
    expect(await start()).toEqual([]);
    expect(quarantined()).toHaveLength(2);
    expect(gaps()).toHaveLength(names.length);
    expect(await allRunning()).toBe(true);
  });

  it('an older copy of an earlier term is used, and says what it does not hold', async () => {
    await noStatusDue(operator);
    await stop();
    copyTo(`${world.api.dir}/earlier`);
    const before = await places();
    await start();
    await stop();
    // A slow machine makes a probe late, and a status of the missing term may say so: it then tells more than the Lease does.
    const after = await places();
    const sentences = names.map((name) =>
      before.get(name) === after.get(name)
        ? 'led term'
        : 'status names a place in a journal that this one does not hold',
    );
    putBack(`${world.api.dir}/earlier`);
    expect(await start()).toEqual([]);
    const told = [...gaps()].sort();
    expect(told).toEqual(sentences.sort().map((sentence) => expect.stringContaining(sentence) as string));
  });

  it('the journal of another installation holds nothing of these clusters', async () => {
    await stop();
    const ticks = manualTicks();
    const { journal } = opened(`${world.api.dir}/foreign`, ticks);
    fillLikeAnOperator(journal, ticks, 200);
    journal.writer.flush();
    journal.close();
    putBack(`${world.api.dir}/foreign`);
    operator = await world.operator('journal.db');
    const ours = async (): Promise<ReadonlySet<string>> =>
      new Set(
        [...(await clusters(world.api)).values()].map(({ metadata }) => (metadata as { readonly uid: string }).uid),
      );
    const uids = await ours();
    const met = (): readonly number[] =>
      operator
        .journal()
        .reader.clusters()
        .filter(({ uid }) => uids.has(uid))
        .map(({ head }) => head.epoch);
    await waitFor('both met anew', () => met().length === names.length && met().every((epoch) => epoch > term), 30_000);
    term = Math.max(...met());
    expect(gaps()).toHaveLength(names.length);
    expect(await allRunning()).toBe(true);
    await operator.stop();
    removeJournal();
    expect(await start()).toEqual([]);
  });

  it('no Lease: the journal knows the term, and what it holds is all there is', async () => {
    await stop();
    await world.api.kubectl(['--namespace', home, 'delete', 'lease', 'postgres-operator']);
    expect(await start()).toEqual([]);
    expect(gaps()).toEqual([]);
  });

  it('no journal: the Lease knows the term', async () => {
    await stop();
    removeJournal();
    expect(await start()).toEqual([]);
    expect(gaps()).toHaveLength(names.length);
  });
});

/** What the journal tells of a Secret of cluster `a` since a row, as `pgc timeline` writes it. */
function toldOf(secret: string, afterSeq: number): readonly string[] {
  const { reader } = operator.journal();
  const uid = reader.clusters().find(({ name }) => name === 'a')?.uid ?? '';
  const entries = timelineOf((row) => decisionOf(row, reader.blob));
  return [...reader.iterate({ uid })]
    .flatMap((row) => entries(row))
    .filter(({ seq, text }) => seq > afterSeq && text.startsWith(`Secret ${secret} `))
    .map(timelineLine);
}

const headOfA = (): number =>
  operator
    .journal()
    .reader.clusters()
    .find(({ name }) => name === 'a')?.head.seq ?? 0;

async function secretsNow(): Promise<unknown> {
  return JSON.parse(await world.api.kubectl(['get', 'secret', '--all-namespaces', '--output', 'json']));
}

async function keyNow(): Promise<string> {
  return world.api.kubectl([
    '--namespace',
    home,
    'get',
    'secret',
    journalKeySecret,
    '--output',
    'jsonpath={.data.key}',
  ]);
}

describe('values of Secrets', () => {
  const edited = 'typed-by-hand-0123456789';

  it('a Secret edited by hand: the timeline says which value was changed, and never what it is', async () => {
    const before = { seq: headOfA(), values: secretValues(await secretsNow()) };
    const data = JSON.stringify({ stringData: { password: edited } });
    await world.api.kubectl(['patch', 'secret', 'a-app', '--type=merge', '--patch', data]);
    await waitFor('it is told', () => toldOf('a-app', before.seq).length > 0, 30_000);
    expect(toldOf('a-app', before.seq).join('\n')).toContain('data.password: its value was changed (not shown)');
    expect(toldOf('a-superuser', before.seq)).toEqual([]);
    // An edit is told to the role and put in force.
    const inForce = ['get', 'secret', 'a-credentials-inforce', '--output', 'jsonpath={.data.APPLICATION_PASSWORD}'];
    const wanted = Buffer.from(edited).toString('base64');
    await waitFor('it is in force', async () => (await world.api.kubectl(inForce)) === wanted, 60_000);
    await waitFor('all Running', allRunning, 60_000);
    await answered(world.api);
    const values = [...before.values, ...secretValues(await secretsNow())];
    expect(values.map(({ value }) => value)).toEqual(expect.arrayContaining([edited, await keyNow()]));
    expect(leaks(values, { journal: journalBytes(file()) })).toEqual([]);
  });

  it('a restart under the same key takes nothing for changed', async () => {
    const before = { seq: headOfA(), key: await keyNow() };
    await stop();
    expect(await start()).toEqual([]);
    expect(await keyNow()).toBe(before.key);
    expect(toldOf('a-app', before.seq)).toEqual([]);
  });

  it('HMAC key lost: a new one is made, its id recorded, no value taken for changed, nothing else written', async () => {
    const before = { seq: headOfA(), key: await keyNow() };
    await stop();
    await world.api.kubectl(['--namespace', home, 'delete', 'secret', journalKeySecret]);
    const seen = operatorEvents(world.api.auditLog).length;
    expect(await start()).toEqual([]);
    const asked = operatorEvents(world.api.auditLog).slice(seen);
    const made = asked.filter(({ requestURI }) => requestURI.includes(`fieldManager=${fieldManagers.journalKey}`));
    expect(made.map(({ responseStatus }) => responseStatus?.code)).toEqual([201]);
    expect(await keyNow()).not.toBe(before.key);
    await waitFor('the new key is recorded', () => toldOf('a-app', before.seq).length > 0, 30_000);
    const told = toldOf('a-app', before.seq).join('\n');
    expect(told).toMatch(/key of digests: [0-9a-f]{8} → [0-9a-f]{8}, so values cannot be compared with before$/);
    expect(told).not.toContain('its value was changed');
    const { rows, verified } = replayAll(operator.journal().reader);
    expect(verified).toBe(rows);
    expect(rows).toBeGreaterThan(10);
  });
});

describe('a Lease that is deleted under its holder', () => {
  it('is taken again in a higher term, in which work goes on', async () => {
    await world.api.kubectl(['--namespace', home, 'delete', 'lease', 'postgres-operator']);
    await waitFor('a higher term', isAbove, 30_000);
    term = Math.max(...heads());
    await work();
    expect(await allRunning()).toBe(true);
    const reader = makeReader(openForReading(file()));
    expect(reader.clusters().every(({ head }) => head.epoch === term)).toBe(true);
    reader.close();
    const db = openForReading(file());
    expect(verifyJournal(db).damage).toEqual([]);
    db.close();
  });
});

describe('a right that was taken away', () => {
  /** What the operator may do with budgets. */
  const set = async (verbs: readonly string[]): Promise<string> => {
    const role = ['clusterrole', 'postgres-operator'];
    const { rules } = JSON.parse(await world.api.kubectl(['get', ...role, '-o', 'json'])) as {
      readonly rules: readonly { readonly resources: readonly string[] }[];
    };
    const changed = rules.map((rule) => (rule.resources.includes('poddisruptionbudgets') ? { ...rule, verbs } : rule));
    return world.api.kubectl(['patch', ...role, '--type=merge', '--patch', JSON.stringify({ rules: changed })]);
  };

  it('is told by a metric; nothing is decided on half a picture, and all goes on when it is given back', async () => {
    await stop();
    await set(['get', 'create', 'patch', 'delete']);
    operator = await world.operator('journal.db');
    const troubles = String.raw`postgres_operator_watch_troubles_total\{source="PodDisruptionBudget[^"]*"\}`;
    await waitFor('the metric', async () => (await metric(troubles)) > 0, 30_000);
    await set(['get', 'list', 'watch', 'create', 'patch', 'delete']);
    await waitFor('every cluster seen whole in a higher term', isAbove, 60_000);
    term = Math.max(...heads());
    await work();
    expect(await allRunning()).toBe(true);
  });
});

describe('a PostgresCluster that cannot be read', () => {
  const paused = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/paused';
  const conditionOf = async (name: string): Promise<string> => {
    const status = (await clusters(world.api)).get(name)?.['status'] as
      | {
          readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
        }
      | undefined;
    const found = status?.conditions?.find(({ type }) => type === 'ConfigurationValid');
    return `${found?.status ?? ''} ${found?.message ?? ''}`;
  };

  it('costs only itself: its condition says what is wrong, a running one goes on, and repair heals it', async () => {
    // Another schema than ours lets in what ours would not.
    await world.api.kubectl([
      ...['patch', 'crd', 'postgresclusters.postgres.example.com', '--type=json', '--patch'],
      JSON.stringify([{ op: 'replace', path: paused, value: { 'x-kubernetes-preserve-unknown-fields': true } }]),
    ]);
    const patch = (spec: unknown): Promise<string> =>
      world.api.kubectl(['patch', 'postgrescluster', 'a', '--type=merge', '-p', JSON.stringify({ spec })]);
    const words = 'False spec.paused is "a text": must be true or false';
    await waitFor(
      'the other schema',
      async () =>
        patch({ paused: 'yes' }).then(
          () => true,
          () => false,
        ),
      30_000,
    );
    await waitFor('its condition', async () => (await conditionOf('a')) === words, 30_000);
    expect(await metric(String.raw`postgres_operator_undecodable_objects_total\{kind="PostgresCluster"\}`)).toBe(1);
    // It is looked after as before, by the spec that was accepted.
    await work();
    expect(await allRunning()).toBe(true);
    const strange = { version: '17', storage: { size: '1Gi' }, paused: 'yes' };
    accepted(await clustersOf(world.api.kube).create(cluster('strange', strange)));
    await waitFor('its condition', async () => (await conditionOf('strange')) === words, 30_000);
    expect((await phases(world.api)).get('strange')).toBe('Pending');
    await patch({ paused: null });
    await waitFor('it is valid again', async () => (await conditionOf('a')).startsWith('True'), 30_000);
    await world.api.kubectl(['delete', 'postgrescluster', 'strange', '--timeout=60s']);
  });
});

it('every metric was seen at work, but for one that tells of a bug', async () => {
  await world.api.kubectl(['delete', 'postgrescluster', 'b', '--timeout=60s']);
  const families = await operator.metrics.registry.getMetricsAsJSON();
  const silent = families.filter(({ values }) => !values.some(({ value }) => value > 0)).map(({ name }) => name);
  // `test/src/actor/actor.test.ts` makes a decision fail, `test/hazards/t11-field-wars.test.ts` makes a war. Gaps and troubles of
  // watches are counted from each start on.
  expect(silent.toSorted()).toEqual([
    'postgres_operator_actor_troubles_total',
    'postgres_operator_edit_wars',
    'postgres_operator_journal_gaps_total',
  ]);
});
