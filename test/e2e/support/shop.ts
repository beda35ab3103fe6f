/** Owns: the cluster that day-two tests work on: three members, one per node, in the setting the environment names. */
import { leaderObject } from '#machines/shared/names.ts';
import { operatorNamespace } from '#test/cluster/deploy.ts';
import { usual, type Setting } from '#test/support/pairwise.ts';
import { eventually, manifest, namespace, phase, psql, type World } from '../world.ts';
import type { Subject } from './database.ts';
import { podsOf, type PodSeen } from './pods.ts';

/** DAY2_VERSION and DAY2_DCS, else what most users have. */
export function settingOfEnvironment(): Setting {
  const dcs = process.env['DAY2_DCS'] ?? usual.dcs;
  if (dcs !== 'Endpoints' && dcs !== 'ConfigMaps') throw new Error(`DAY2_DCS is ${dcs}: Endpoints or ConfigMaps`);
  return { version: process.env['DAY2_VERSION'] ?? usual.version, dcs };
}

/** Namespace of a file of tests in the setting of the environment: no two settings share one. */
export function placeOf(name: string): string {
  const { version, dcs } = settingOfEnvironment();
  return `${name}-${version}-${dcs.toLowerCase()}`;
}

/** A setting in the words of reports. */
export function settingName({ version, dcs }: Setting, members: number): string {
  return `PostgreSQL ${version}, ${dcs}, ${members} members`;
}

/** Makes a fresh namespace with one cluster and waits until it runs. */
export async function createShop(
  world: World,
  where: string,
  setting: Setting,
  spec: Readonly<Record<string, unknown>> = {},
): Promise<Subject> {
  await namespace(world, where);
  const subject = { namespace: where, name: 'shop' };
  const full = { ...setting, replicas: 3, storage: { size: '600Mi' }, ...spec };
  await world.apply(manifest({ namespace: where, name: subject.name, spec: full }));
  await phase(world, where, subject.name, 'Running');
  return subject;
}

/** The pod that bears the primary's label, when exactly one does. */
export async function primaryPod(world: World, subject: Subject): Promise<PodSeen> {
  return eventually('one pod bearing the label of the primary', async () => {
    const labelled = (await podsOf(world, subject))?.filter(({ role }) => role === 'master') ?? [];
    return labelled.length === 1 ? (labelled[0] ?? null) : null;
  });
}

/** Waits until every replica streams to the primary: from then on a planned step loses nothing. */
export async function allStreaming(world: World, subject: Subject, replicas = 2): Promise<void> {
  const statement = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
  await eventually(
    `${replicas} replicas streaming`,
    async () => {
      const { name } = await primaryPod(world, subject);
      return (await psql(world, subject.namespace, name, statement)) === String(replicas);
    },
    // A member that was cut off or killed is rewound first.
    300_000,
  );
}

/**
 * Waits until the leader has written down every member as one that may follow it (`failsafe`, with each of its heartbeats).
 * A member that joined after the last of them takes no part in an election: with failsafe mode it could be a stranger.
 */
async function allElectable(world: World, { namespace: where, name }: Subject, members: number): Promise<void> {
  const { dcs } = settingOfEnvironment();
  const leader = `${dcs === 'Endpoints' ? 'endpoints' : 'configmap'}/${leaderObject(name, dcs)}`;
  const path = ['--output', 'jsonpath={.metadata.annotations.failsafe}'];
  await eventually(
    `${members} members that may be elected`,
    async () => {
      const text = await world.kubectl('--namespace', where, 'get', leader, ...path);
      return text !== '' && Object.keys(JSON.parse(text) as object).length === members;
    },
    60_000,
  );
}

/** Node of the operator's pod. */
export async function operatorNode(world: World): Promise<string> {
  return world.kubectl(
    '--namespace',
    operatorNamespace,
    'get',
    'pods',
    '--selector',
    'app.kubernetes.io/name=postgres-operator',
    '--output',
    'jsonpath={.items[0].spec.nodeName}',
  );
}

/**
 * Moves the primary off the operator's node, by asking its pod to end: what befalls that node shall not befall both. Any
 * replica may then take over.
 */
export async function primaryApartFromOperator(world: World, subject: Subject, replicas = 2): Promise<PodSeen> {
  const node = await operatorNode(world);
  return eventually(
    'the primary being on another node than the operator',
    async () => {
      const primary = await primaryPod(world, subject);
      if (primary.node !== node) {
        await allElectable(world, subject, replicas + 1);
        return primary;
      }
      await world.kubectl('--namespace', subject.namespace, 'delete', 'pod', primary.name, '--timeout=120s');
      await phase(world, subject.namespace, subject.name, 'Running');
      await allStreaming(world, subject, replicas);
      return null;
    },
    300_000,
  );
}
