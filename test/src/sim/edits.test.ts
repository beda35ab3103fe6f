/**
 * Edits at awkward moments: while a cluster is being made, while a spec that failed is on its way back, two at once, and one after
 * the other. However they fall, in the end the cluster runs what the spec says, and status says so. One story a hazard, in the
 * simulated world; what each of them once ended in is in `docs/hazards.md`.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { condition, namespace } from '#src/sim/acts.ts';
import { list, number, text, type Json } from '#src/sim/json.ts';
import { isReady } from '#src/sim/patroni/report.ts';
import { quiet } from '#src/sim/plan.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { openWorld, unheard, type World } from '#src/sim/world.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

type Spec = Readonly<Record<string, unknown>>;

const minute = 60_000;
const broken = 'registry/broken:1';
const next = 'registry/spilo:next';

const clusterIn = ({ user }: World): Json => user.get('PostgresCluster', namespace, 'shop') ?? {};
const phaseIs = (world: World, phase: string): boolean => text(clusterIn(world), 'status', 'phase') === phase;
const podsIn = ({ user }: World): readonly Json[] => user.list('Pod', namespace);
const imageOf = (pod: Json): string => text(list(pod, 'spec', 'containers')[0] ?? null, 'image');
const isLed = ({ kubelets }: World): boolean => [...kubelets.members().values()].some((member) => member.isWritable());
const edit = (world: World, spec: Spec): void => void world.user.patch(clusterIn(world), { spec } as Json);

async function until(world: World, what: string, is: () => boolean, withinMs = 30 * minute): Promise<void> {
  if ((await world.schedule.run(withinMs, is)) !== 'over')
    throw new Error(`${what} did not come within ${withinMs} ms`);
}

/** A world with one cluster that is being made. */
async function opened(seed: number, spec: Spec, flags: readonly string[] = []): Promise<World> {
  const world = openWorld({ plan: quiet('edits', seed), scratch, operators: ['operator-0'], events: unheard, flags });
  for (const name of [namespace, 'operators']) world.user.create('Namespace', { metadata: { name } });
  await world.schedule.run(3_000);
  world.user.create('PostgresCluster', {
    apiVersion: 'postgres.example.com/v1alpha1',
    kind: 'PostgresCluster',
    metadata: { name: 'shop', namespace },
    spec: { version: '17', storage: { size: '1Gi' }, ...spec },
  } as Json);
  return world;
}

async function running(seed: number, spec: Spec, flags: readonly string[] = []): Promise<World> {
  const world = await opened(seed, spec, flags);
  await until(world, 'Running', () => phaseIs(world, 'Running'));
  return world;
}

/** Somebody leads, and others are still being made. */
async function joining(seed: number, spec: Spec): Promise<World> {
  const world = await opened(seed, spec);
  await until(world, 'a leader', () => isLed(world) && phaseIs(world, 'Creating'));
  await world.schedule.run(1_500);
  return world;
}

async function withBrokenPod(seed: number, before: Spec, also: Spec = {}): Promise<World> {
  const world = await running(seed, before);
  edit(world, { image: broken, ...also });
  await until(world, 'a pod of the bad image', () => podsIn(world).some((pod) => imageOf(pod) === broken));
  await world.schedule.run(20_000);
  return world;
}

/** The operator ends so, and is started again. */
async function again({ operators, schedule }: World, ending: 'kill' | 'amnesia'): Promise<void> {
  operators[0]?.kill(ending);
  await schedule.run(2_000);
  operators[0]?.start();
}

/** How often a pod was deleted whose member could be written to while another one was ready. */
function deposed(world: World): () => number {
  let times = 0;
  world.api.store.onChange(({ type, kind, object }) => {
    if (kind.kind !== 'Pod' || type !== 'MODIFIED' || number(object, 0, 'metadata', 'deletionGracePeriodSeconds') < 1)
      return;
    const key = `${namespace}/${text(object, 'metadata', 'name')}`;
    const isLeading = world.kubelets.members().get(key)?.isWritable() === true;
    const others = podsIn(world).filter((pod) => isReady(pod) && !key.endsWith(text(pod, 'metadata', 'name')));
    if (isLeading && others.length > 0) times += 1;
  });
  return () => times;
}

/** What a cluster shows of its spec. */
function shown(world: World): Readonly<Record<string, unknown>> {
  const cluster = clusterIn(world);
  const settings = [...world.kubelets.members().values()].map((member) => member.shownSettings(['max_connections']));
  return {
    phase: text(cluster, 'status', 'phase'),
    rolledOut: number(cluster, 0, 'status', 'rolledOutGeneration') === number(cluster, -1, 'metadata', 'generation'),
    valid: condition(world, 'ConfigurationValid'),
    restart: condition(world, 'PendingRestart').startsWith('True'),
    images: [...new Set(podsIn(world).map((pod) => imageOf(pod)))],
    members: podsIn(world).length,
    connections: [...new Set(settings.map((line) => /^max_connections (\d+)/.exec(line)?.[1]))],
    led: isLed(world),
  };
}

/** As the spec says, an hour later. */
async function ended(world: World, wanted: { image?: string; members: number; connections?: string }): Promise<void> {
  await world.schedule.run(60 * minute);
  const now = shown(world);
  world.close();
  expect(now).toEqual({
    phase: 'Running',
    rolledOut: true,
    valid: 'True Valid',
    restart: false,
    images: [wanted.image ?? 'ghcr.io/zalando/spilo-17:4.0-p3'],
    members: wanted.members,
    connections: [wanted.connections ?? '100'],
    led: true,
  });
}

describe('an edit of a cluster that is being made', () => {
  it('of the image is rolled out to members that were made before it', async () => {
    const world = await joining(1, { replicas: 3 });
    edit(world, { image: next });
    await ended(world, { image: next, members: 3 });
  });

  it('of a parameter that needs a start is in force in the end', async () => {
    const world = await joining(1, { replicas: 3 });
    edit(world, { postgresqlParams: { max_connections: '200' } });
    await ended(world, { members: 3, connections: '200' });
  });

  it('of a parameter that falls is in force in the end', async () => {
    const world = await joining(2, { replicas: 2, postgresqlParams: { max_connections: '200' } });
    edit(world, { postgresqlParams: { max_connections: '100' } });
    await ended(world, { members: 2 });
  });

  it.each([4, 5, 6])('of the number of members, whoever leads (%i)', async (seed) => {
    const world = await joining(seed, { replicas: 3 });
    edit(world, { replicas: 1 });
    await ended(world, { members: 1 });
  });
});

describe('a spec that was put right', () => {
  it('while the bad one was being taken back: its pod is made anew', async () => {
    const world = await running(2, { replicas: 3 });
    edit(world, { image: broken });
    await until(world, 'the failure', () => condition(world, 'ConfigurationValid') === 'False RolloutFailed');
    edit(world, { image: null });
    await ended(world, { members: 3 });
  });

  it('together with a parameter that needs a start: the start does not wait for a pod that cannot come', async () => {
    const world = await withBrokenPod(1, { replicas: 3 });
    edit(world, { image: null, postgresqlParams: { max_connections: '200' } });
    await ended(world, { members: 3, connections: '200' });
  });

  it('together with synchronous replication, of two members', async () => {
    const world = await withBrokenPod(1, { replicas: 2 });
    edit(world, { image: null, synchronous: { mode: 'Required' } });
    await ended(world, { members: 2 });
  });

  it('while volumes were to grow: the growth does not wait for a pod that cannot come', async () => {
    const world = await withBrokenPod(1, { replicas: 3 });
    edit(world, { storage: { size: '2Gi' } });
    await world.schedule.run(1_000);
    edit(world, { image: null });
    await ended(world, { members: 3 });
  });

  it('while members were being added: the new pod is made anew at once', async () => {
    const world = await withBrokenPod(1, { replicas: 2 }, { replicas: 3 });
    edit(world, { image: null });
    await until(world, 'Running', () => phaseIs(world, 'Running'), 2 * minute);
    await ended(world, { members: 3 });
  });

  it('while nobody led: what was true before is not blamed for it', async () => {
    const world = await running(1, { replicas: 1 });
    edit(world, { postgresqlParams: { huge_pages: 'on' } });
    await until(world, 'no leader', () => phaseIs(world, 'Recovering'));
    await world.schedule.run(20_000);
    edit(world, { postgresqlParams: null });
    await ended(world, { members: 1 });
  });

  it.each([20, 75])('together with another field, while nobody led for %i s: it is not blamed', async (seconds) => {
    const world = await running(1, { replicas: 1 });
    edit(world, { postgresqlParams: { huge_pages: 'on' } });
    await until(world, 'no leader', () => phaseIs(world, 'Recovering'));
    await world.schedule.run(seconds * 1000);
    edit(world, {
      postgresqlParams: { huge_pages: null, max_connections: '200' },
      env: [{ name: 'TEAM', value: 'blue' }],
    });
    await ended(world, { members: 1, connections: '200' });
  });
});

describe('an image that the catalog named once', () => {
  it.each(['kill', 'amnesia'] as const)('comes back where another one failed (%s)', async (ending) => {
    const flags: string[] = [];
    const world = await running(1, { replicas: 2 }, flags);
    flags.push('--images', '{"17":"registry/spilo:newer"}');
    await again(world, 'kill');
    await until(world, 'a new life', () => phaseIs(world, 'Running') && world.operators[0]?.actors() !== null);
    edit(world, { image: broken });
    await until(world, 'a pod of the bad image', () => podsIn(world).some((pod) => imageOf(pod) === broken));
    await again(world, ending);
    await until(world, 'the failure', () => condition(world, 'ConfigurationValid') === 'False RolloutFailed');
    edit(world, { image: null });
    await ended(world, { members: 2 });
  });
});

describe('a journal that is lost while a cluster is being made', () => {
  it.each<readonly [string, Spec, { image?: string; connections?: string }]>([
    ['a parameter', { postgresqlParams: { max_connections: '200' } }, { connections: '200' }],
    ['an image', { image: next }, { image: next }],
  ])('leaves an edit of %s to be rolled out', async (_, spec, wanted) => {
    const world = await joining(1, { replicas: 3 });
    edit(world, spec);
    await world.schedule.run(3_000);
    await again(world, 'amnesia');
    await ended(world, { members: 3, ...wanted });
  });

  it.each<readonly [string, Spec, { image?: string; connections?: string }]>([
    ['a parameter', { postgresqlParams: { max_connections: '200' } }, { connections: '200' }],
    ['an image', { image: next }, { image: next }],
  ])('leaves an edit of %s that is rolled out by then', async (_, spec, wanted) => {
    const world = await joining(1, { replicas: 3 });
    edit(world, spec);
    await until(world, 'Updating', () => phaseIs(world, 'Updating'));
    await again(world, 'amnesia');
    await ended(world, { members: 3, ...wanted });
  });
});

describe('fewer members', () => {
  it.each([1, 2, 3, 4])(
    'while another image is rolled out: nobody is deposed who could hand over (%i)',
    async (seed) => {
      const world = await running(seed, { replicas: 3 });
      const times = deposed(world);
      edit(world, { image: next });
      await until(world, 'a pod of the image', () => podsIn(world).some((pod) => imageOf(pod) === next));
      edit(world, { replicas: 1 });
      await world.schedule.run(30 * minute);
      expect(times()).toBe(0);
      await ended(world, { image: next, members: 1 });
    },
  );
});

describe('a restart that is asked for during a rollout', () => {
  it('is not called handled by a cluster that runs before it began', async () => {
    const world = await running(1, { replicas: 2 });
    const restarted: string[] = [];
    world.kubelets.onDeed((key, deed) => void (/restart/.test(String(deed)) && restarted.push(key)));
    edit(world, { env: [{ name: 'TEAM', value: 'blue' }] });
    await until(world, 'Updating', () => phaseIs(world, 'Updating'));
    world.user.patch(clusterIn(world), {
      metadata: { annotations: { 'postgres.example.com/restart': 'once' } },
    } as Json);
    const isHandled = (): boolean => text(clusterIn(world), 'status', 'handled', 'restart') === 'once';
    await until(world, 'its end', () => isHandled() && phaseIs(world, 'Running'));
    expect(new Set(restarted).size).toBe(2);
    await ended(world, { members: 2 });
  });
});

it('a replacement of a member that is scaled away meanwhile is over', async () => {
  const world = await running(2, { replicas: 3 });
  const key = [...world.kubelets.members()].find(([name, member]) => name.endsWith('-2') && !member.isWritable())?.[0];
  if (key === undefined) throw new Error('shop-2 leads: choose another seed');
  world.kubelets.killContainer(key, 60 * minute);
  await world.schedule.run(minute);
  world.user.patch(clusterIn(world), {
    metadata: { annotations: { 'postgres.example.com/replace': 'once shop-2' } },
  } as Json);
  await until(world, 'Updating', () => phaseIs(world, 'Updating'));
  edit(world, { replicas: 2 });
  await until(world, 'Running', () => phaseIs(world, 'Running'), 3 * minute);
  await ended(world, { members: 2 });
});
