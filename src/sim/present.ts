/**
 * Owns: a cluster as a journal knows it, and the simulated world that stands as it does: who leads, on which timeline, who is
 * down, under an operator with the same settings. The operator in that world is the real one.
 * The model: Patroni loops every 10 s with a time to live of 30 s, containers start within seconds, no load, no lag.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { claimNames, leaderOf, membersOf, podOf } from '#machines/cluster/members.ts';
import type { OperatorConfig } from '#machines/cluster/observations.ts';
import { apiVersion, claimName, leaderObject } from '#machines/shared/names.ts';
import { Refused } from '#src/errors.ts';
import { at, text } from './json.ts';
import { isReady } from './patroni/report.ts';
import { openWorld, unheard, type Events, type World } from './world.ts';

/** A cluster as the journal knows it. */
export interface Present {
  readonly namespace: string;
  readonly name: string;
  /** The spec that is held true. */
  readonly spec: PostgresClusterSpec;
  readonly dcs: 'Endpoints' | 'ConfigMaps';
  /** Who takes writes; null when nobody does. */
  readonly leader: string | null;
  readonly timeline: number;
  readonly members: readonly { readonly name: string; readonly ready: boolean; readonly node: string | null }[];
  /** Claims beyond those of its members, which a member that is added finds there. */
  readonly spareClaims?: readonly { readonly name: string; readonly size: string }[];
  /** The operator's settings; the usual ones when they are left out. */
  readonly settings?: OperatorConfig;
}

/** Settings under which the cluster has the image and the mode that were chosen for it once. */
function settingsOf({ world, memory }: Facts, spec: PostgresClusterSpec): Pick<Present, 'settings'> {
  const { config } = world;
  if (config === null) return {};
  const chosen = spec.image === undefined && memory.image !== null ? { [spec.version]: memory.image } : {};
  return { settings: { ...config, images: { ...config.images, ...chosen } } };
}

/** What a journal's facts say of the present. @param operation what it is asked for; @throws Refused when the cluster was never accepted */
export function presentOf(facts: Facts, operation: string): Present {
  const { cluster } = facts.world;
  const { accepted, dcs } = facts.memory;
  if (cluster === null || accepted === null)
    throw new Refused('nothing was ever accepted of it', {
      operation,
      subject: cluster?.seen.name ?? 'the cluster',
      hint: "'pgc why' says what is wrong with its spec",
    });
  const leader = leaderOf(facts);
  return {
    namespace: cluster.seen.namespace,
    name: cluster.seen.name,
    spec: accepted.spec,
    dcs: dcs ?? 'Endpoints',
    leader: leader.writable ? leader.name : null,
    timeline: leader.timeline ?? 1,
    members: membersOf(facts).map(({ name, ready }) => ({
      name,
      ready,
      node: podOf(facts, name)?.detail.node ?? null,
    })),
    spareClaims: spareClaims(facts),
    ...settingsOf(facts, accepted.spec),
  };
}

/** Volumes that stayed when members went. */
function spareClaims(facts: Facts): NonNullable<Present['spareClaims']> {
  const used = claimNames(facts);
  return Object.values(facts.world.objects).flatMap(({ object: { name, deleting, detail } }) =>
    detail.type !== 'PersistentVolumeClaim' || deleting || used.has(name) ? [] : [{ name, size: detail.requested }],
  );
}

/** A world with one cluster in it. */
export interface Stage {
  readonly world: World;
  readonly present: Present;
}

const operatorName = 'operator-0';
const bringUpMs = 600_000;
const settleMs = 60_000;
const loopMs = 10_000;
/** Whoever is down at the beginning stays so, however long it is played. */
const forEverMs = 30 * 86_400_000;

function flagsOf({ dcs, settings }: Pick<Present, 'dcs' | 'settings'>): readonly string[] {
  // The mode was chosen once; what the spec says of it stays as it is.
  const flags = ['--default-dcs', dcs];
  if (settings === undefined) return flags;
  const { images, imagePullPolicy, createDeadlineSeconds } = settings;
  return [
    ...flags,
    '--images',
    JSON.stringify(images),
    '--image-pull-policy',
    imagePullPolicy,
    '--create-deadline',
    String(createDeadlineSeconds),
    // There is no other cluster, so whose turn it is cannot be foreseen.
    '--max-disruptions',
    '0',
  ];
}

/** A world under an operator with these settings, empty yet. @param scratch folder for its journals */
export function openEmpty(
  present: Pick<Present, 'dcs' | 'settings'>,
  options: { readonly seed: number; readonly scratch: string; readonly events?: Partial<Events> },
): World {
  return openWorld({
    plan: { seed: options.seed, scenario: 'present', steps: [] },
    scratch: options.scratch,
    operators: [operatorName],
    flags: flagsOf(present),
    events: { ...unheard, ...options.events },
  });
}

function cannot({ namespace, name }: Present, because: string): Refused {
  return new Refused(because, {
    operation: 'play',
    subject: `${namespace}/${name}`,
    hint: 'what its spec asks for is not in the model; try it on a real cluster of your own, such as make cluster-up',
  });
}

/** The phase that the cluster's status tells. */
export function phaseNow({ world, present }: Stage): string {
  return text(world.user.get('PostgresCluster', present.namespace, present.name), 'status', 'phase');
}

function isRunning(stage: Stage): boolean {
  const { world, present } = stage;
  const pods = present.members.map(({ name }) => world.user.get('Pod', present.namespace, name));
  return phaseNow(stage) === 'Running' && pods.every(isReady);
}

/** What says how a cluster is to be treated: a cluster comes to life without. */
export const controls = ['paused', 'mode', 'maxDisruption', 'maintenanceWindows'] as const;

/** A spec without these fields. */
export function without(
  spec: PostgresClusterSpec,
  fields: readonly (keyof PostgresClusterSpec)[],
): PostgresClusterSpec {
  const kept = Object.entries(spec).filter(([field]) => !(fields as readonly string[]).includes(field));
  return Object.fromEntries(kept) as unknown as PostgresClusterSpec;
}

/** Claims that nobody uses, like the one of the first member, but as small as they were left. */
function layClaims({ world, present }: Stage): void {
  const { namespace, name, spareClaims: spare = [] } = present;
  const model = world.user.get('PersistentVolumeClaim', namespace, claimName(name, 0));
  if (model === null) return;
  const { labels, annotations } = at(model, 'metadata');
  const { volumeName: _volume, ...spec } = at(model, 'spec');
  const kind = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' };
  for (const each of spare)
    world.user.create('PersistentVolumeClaim', {
      ...kind,
      metadata: { namespace, name: each.name, labels, annotations },
      spec: { ...spec, resources: { requests: { storage: each.size } } },
    });
}

/**
 * Makes the model's cluster stand as the real one does: who leads, on which timeline, who is down. What its spec says of how it
 * is to be treated is not there yet.
 * @throws Refused when the model cannot
 */
export async function bringUp(stage: Stage): Promise<void> {
  const { world, present } = stage;
  const { namespace, name, leader } = present;
  const created = world.user.create('PostgresCluster', {
    apiVersion,
    kind: 'PostgresCluster',
    metadata: { namespace, name },
    spec: { ...without(present.spec, controls), replicas: present.members.length },
  });
  if (created === null) throw cannot(present, 'the model refuses its spec');
  if ((await world.schedule.run(bringUpMs, () => isRunning(stage))) !== 'over')
    throw cannot(present, 'it does not come to life in the model');
  const kind = present.dcs === 'ConfigMaps' ? 'ConfigMap' : 'Endpoints';
  const key = world.user.get(kind, namespace, leaderObject(name, present.dcs));
  // Patroni's own hand-over: the key names another holder, who finds it in its next loop.
  if (leader !== null && key !== null) world.user.patch(key, { metadata: { annotations: { leader } } });
  for (const member of world.kubelets.members().values()) member.directory.timeline = present.timeline;
  const leads = (): boolean =>
    leader === null || world.kubelets.members().get(`${namespace}/${leader}`)?.isWritable() === true;
  if ((await world.schedule.run(bringUpMs, () => leads() && isRunning(stage))) !== 'over')
    throw cannot(present, `${leader ?? 'nobody'} does not lead in the model`);
  layClaims(stage);
  // Two of Patroni's loops: everybody has told of the timeline.
  await world.schedule.run(2 * loopMs);
  const down = present.members.filter(({ ready }) => !ready);
  for (const member of down) world.kubelets.killContainer(`${namespace}/${member.name}`, forEverMs);
  if (down.length > 0) await world.schedule.run(settleMs);
}
