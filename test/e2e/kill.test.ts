/**
 * The operator's pod killed at once (no grace) while real clusters are made and deleted; moments are counts of its own
 * changes, so they lie as dense as the work. KILLS and SEED as environment for more.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeBody } from '#src/decision/codec.ts';
import { effectKey } from '#src/decision/record.ts';
import { contentOf } from '#src/replay/redecide.ts';
import { operatorNamespace } from '#test/cluster/deploy.ts';
import { seeded } from '#test/support/seeded.ts';
import {
  auditMark,
  eventually,
  manifest,
  namespace,
  openWorld,
  operatorWrites,
  phase,
  psql,
  statusOf,
  type World,
} from './world.ts';

const where = 'e2e-kill';
const kills = Number(process.env['KILLS'] ?? '10');
const seed = Number(process.env['SEED'] ?? '1');
/** Changes between two deaths: fewer than one creation takes. */
const momentMax = 12;

let world: World;
let mark = 0;
const made: string[] = [];
const wanted = new Set<string>();

interface Line {
  readonly line: 'header' | 'blob' | 'record' | 'trailer';
  readonly hash: string;
  readonly bytes: string;
  readonly kind: string;
  readonly epoch: number;
  readonly seq: number;
  readonly body: string;
  readonly cluster: { readonly uid: string };
}

/** Keys of all intents of a cluster, and how often each was answered. */
async function intentsOf(name: string): Promise<ReadonlyMap<string, number>> {
  const text = await world.pgc('journal', 'export', name, '--namespace', where);
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
  const blobs = new Map(lines.filter(({ line }) => line === 'blob').map(({ hash, bytes }) => [hash, bytes]));
  const uid = lines[0]?.cluster.uid ?? '';
  const epochs = new Map<number, number>();
  const keys = new Map<string, number>();
  for (const { line, kind, epoch, seq, body } of lines) {
    if (line !== 'record') continue;
    epochs.set(seq, epoch);
    if (contentOf(kind) !== 'decision') continue;
    const { observation, intents } = decodeBody(body, (hash) => blobs.get(hash) ?? '');
    for (const { ordinal } of intents) keys.set(effectKey(uid, { epoch, seq }, ordinal), 0);
    if (observation.type !== 'OutcomeArrived') continue;
    const key = effectKey(uid, { epoch: epochs.get(observation.seq) ?? 0, seq: observation.seq }, observation.ordinal);
    keys.set(key, (keys.get(key) ?? 0) + 1);
  }
  return keys;
}

async function change(round: number): Promise<void> {
  const oldest = [...wanted][0];
  if (wanted.size >= 3 && oldest !== undefined) {
    wanted.delete(oldest);
    await world.kubectl('--namespace', where, 'delete', 'postgrescluster', oldest, '--wait=false');
    return;
  }
  const name = `k${round}`;
  wanted.add(name);
  made.push(name);
  const dcs = round % 2 === 0 ? 'Endpoints' : 'ConfigMaps';
  await world.apply(manifest({ namespace: where, name, spec: { version: '17', dcs, volumePolicy: 'Delete' } }));
}

async function operatorPod(): Promise<string> {
  const selector = ['--selector', 'app.kubernetes.io/name=postgres-operator'];
  const found = (await world.json('--namespace', operatorNamespace, 'get', 'pods', ...selector)) as {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
      readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
    }[];
  };
  const ready = found.items.find(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
  );
  return ready?.metadata.name ?? '';
}

/** Lets the operator make so many changes and kills it. @returns false when it ran out of work first, and lives on */
async function kill(changes: number): Promise<boolean> {
  const pod = await eventually('the operator being ready', async () => (await operatorPod()) || null);
  const from = operatorWrites(mark).length;
  const isAtWork = await eventually('work', async () => operatorWrites(mark).length >= from + changes, 8000).catch(
    () => false,
  );
  if (isAtWork)
    await world.kubectl('--namespace', operatorNamespace, 'delete', 'pod', pod, '--grace-period=0', '--force');
  return isAtWork;
}

beforeAll(async () => {
  world = await openWorld();
  await namespace(world, where);
  mark = auditMark();
});

describe(`${kills} times the operator killed without grace (seed ${seed})`, () => {
  it(
    'every cluster gets to where it should be, and can be written to',
    { timeout: 300_000 + kills * 60_000 },
    async () => {
      const random = seeded(seed);
      let deaths = 0;
      for (let round = 0; deaths < kills; round += 1) {
        await change(round);
        if (await kill(1 + Math.floor(random() * momentMax))) deaths += 1;
      }
      for (const name of wanted) {
        await phase(world, where, name, 'Running');
        const { primaryPod } = await statusOf(world, where, name);
        expect(
          await psql(world, where, primaryPod, 'create table if not exists t(); select pg_is_in_recovery()'),
        ).toMatch(/f$/);
      }
      const left = async (): Promise<boolean> => {
        const names = await world.kubectl('--namespace', where, 'get', 'postgrescluster', '--output', 'name');
        return names.split('\n').filter((line) => line !== '').length === wanted.size;
      };
      await eventually('deleted clusters being gone', left);
    },
  );

  it('no change without its intent, none twice, and every intent of a living cluster is answered', async () => {
    const ids = (): readonly string[] => operatorWrites(mark).map((line) => line.split(' ').at(-1) ?? '');
    const keys = new Map<string, number>();
    await eventually('the last answers', async () => {
      for (const name of made) for (const [key, answers] of await intentsOf(name)) keys.set(key, answers);
      const living = await Promise.all([...wanted].map((name) => intentsOf(name)));
      return living.every((each) => [...each.values()].every((answers) => answers > 0));
    });
    const uids = new Set([...keys.keys()].map((key) => key.replace(/-\d+-\d+-\d+$/, '')));
    const ours = ids().filter((id) => uids.has(id.replace(/-\d+-\d+-\d+$/, '')));
    expect(ours.length).toBeGreaterThan(kills);
    expect(ours.filter((id) => !keys.has(id))).toEqual([]);
    expect(ours.filter((id, index) => ours.indexOf(id) !== index)).toEqual([]);
  });

  it('the journal is whole and decides the same again', async () => {
    expect(await world.pgc('journal', 'verify')).toContain('are as they were written');
    expect(await world.pgc('replay')).toMatch(/^(\d+) of \1 decisions/m);
  });
});
