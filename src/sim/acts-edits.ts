/**
 * Owns: a cluster whose spec is edited at random (`edits.ts`): how it begins, and what has to be true in the end. Whatever came
 * before, once nobody edits any more, holds are lifted and what cannot be is taken out, it is as its spec says, and says so.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { patroniDefaults } from '#machines/cluster/tables/configuration.ts';
import { parseAcceptedSpec } from '#src/resources/accepted.ts';
import { dynamicParameters } from '#src/resources/parameters/dynamic.ts';
import { chanceOf } from './chance.ts';
import { clusterOf, condition, create, namespace, name, type Act } from './acts.ts';
import { brokenImage, parametersEdited } from './edits.ts';
import { at, list, number, text, type Json } from './json.ts';
import type { World } from './world.ts';

function specOf(cluster: Json | null): PostgresClusterSpec | null {
  return cluster === null ? null : parseAcceptedSpec(JSON.stringify(at(cluster, 'spec')));
}

/** Of a size, a version and a mode that its seed chooses. Edits begin whenever they do. */
const begin: Act = {
  what: 'create, and edit at random',
  act: (world) => {
    const chance = chanceOf(world.plan.seed).stream('spec');
    const dcs = chance.oneOf(['Endpoints', 'ConfigMaps']);
    create({ version: chance.oneOf(['15', '17']), dcs, replicas: chance.between(1, 3) }).act(world);
  },
  until: (world) => world.isQuiet(),
};

/** What keeps a spec from ever being true, the other way round. */
function putRight(spec: PostgresClusterSpec): Json {
  const { image, postgresqlParams = {}, env = [], synchronous, replicas = 1 } = spec;
  return {
    paused: null,
    mode: null,
    ...(image === brokenImage ? { image: null } : {}),
    ...('huge_pages' in postgresqlParams ? { postgresqlParams: { huge_pages: null } } : {}),
    ...(env.some((each) => each.name === 'MOON') ? { env: null } : {}),
    ...(synchronous?.mode === 'Required' && replicas === 1 ? { replicas: 2 } : {}),
  };
}

function wrongOnPods(world: World, spec: PostgresClusterSpec): readonly string[] {
  const image = spec.image ?? `ghcr.io/zalando/spilo-${spec.version}`;
  const isBlue = spec.env !== undefined;
  const team = spec.podMetadata?.labels?.['team'] ?? '';
  return world.user.list('Pod', namespace).flatMap((pod) => {
    const container = list(pod, 'spec', 'containers')[0];
    const called = text(pod, 'metadata', 'name');
    const runs = text(container, 'image');
    return [
      ...(runs.startsWith(image) ? [] : [`${called} has ${runs}, not ${image}`]),
      ...(list(container, 'env').some((each) => text(each, 'name') === 'TEAM') === isBlue ? [] : [`env of ${called}`]),
      ...(text(pod, 'metadata', 'labels', 'team') === team ? [] : [`labels of ${called}`]),
    ];
  });
}

function wrongInPostgres(world: World, spec: PostgresClusterSpec): readonly string[] {
  const stated = dynamicParameters(spec);
  return [...world.kubelets.members()].flatMap(([key, member]) =>
    parametersEdited.flatMap((parameter) => {
      const wanted = stated[parameter]?.effective ?? patroniDefaults[parameter] ?? '';
      const [line = ''] = member.shownSettings([parameter]).split('\n');
      return line === `${parameter} ${wanted}` ? [] : [`${key} has ${line}, not ${wanted}`];
    }),
  );
}

/** What is not as the spec says; empty once all is. */
export function unlikeItsSpec(world: World): readonly string[] {
  const cluster = clusterOf(world);
  const spec = specOf(cluster);
  if (spec === null) return ['there is no cluster'];
  const [phase, valid] = [text(cluster, 'status', 'phase'), condition(world, 'ConfigurationValid')];
  const [rolledOut, generation] = [
    number(cluster, 0, 'status', 'rolledOutGeneration'),
    number(cluster, 1, 'metadata', 'generation'),
  ];
  const [members, wanted] = [world.user.list('Pod', namespace).length, spec.replicas ?? 1];
  const sizes = list({ items: world.user.list('PersistentVolumeClaim', namespace) }, 'items')
    .filter((claim) => Number(text(claim, 'metadata', 'name').split('-').at(-1)) < wanted)
    .map((claim) => text(claim, 'status', 'capacity', 'storage'));
  return [
    ...(phase === 'Running' ? [] : [`phase ${phase}: ${text(cluster, 'status', 'nextAction')}`]),
    ...(rolledOut === generation ? [] : [`generation ${rolledOut} of ${generation} is rolled out`]),
    ...(valid === 'True Valid' ? [] : [`ConfigurationValid ${valid}`]),
    ...(condition(world, 'PendingRestart').startsWith('True') ? ['a restart is pending'] : []),
    ...(members === wanted ? [] : [`${members} members of ${wanted}`]),
    ...(sizes.every((size) => size === spec.storage.size) ? [] : [`volumes of ${sizes.join(', ')}`]),
    ...wrongOnPods(world, spec),
    ...wrongInPostgres(world, spec),
  ];
}

const end: Act = {
  what: `${name} is as its spec says`,
  act: (world) => {
    const cluster = clusterOf(world);
    const spec = specOf(cluster);
    if (cluster !== null && spec !== null) world.user.patch(cluster, { spec: putRight(spec) });
  },
  until: (world) => unlikeItsSpec(world).length === 0,
  missing: (world) => unlikeItsSpec(world).join('; '),
};

/** Name of the scenario. */
export const randomEdits = 'random-edits';

export const editedAtRandom: readonly Act[] = [begin, end];
