/** Owns: what the doctor looks at for each cluster: who follows it, where Patroni keeps its state, images, budgets, nodes, volumes. Pure. */
import { annotations, objectNames } from '#machines/shared/names.ts';
import type { Examined, ExaminedCluster } from './examine.ts';
import { fine, some, trouble, unknown, warning, type Found } from './finding.ts';
import { holds, type Budget, type Pod, type Selector } from './objects.ts';
import { known } from './platform.ts';

const pullReasons: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
]);

function followed({ cluster: { metadata, status } }: ExaminedCluster): Found {
  const { generation = 0 } = metadata;
  if (status?.observedGeneration === undefined)
    return trouble(
      'no operator has looked at it',
      'look at the checks operator and leadership; and whether --namespaces of the operator leaves its namespace out',
    );
  if (status.observedGeneration < generation)
    return trouble(
      `the operator has read generation ${status.observedGeneration} of ${generation}`,
      "ask again; if that stays, 'pgc why' says what the operator last did",
    );
  return fine(`the operator has read generation ${generation}, and calls it ${status.phase ?? 'nothing'}`);
}

const enforced = 'pod-security.kubernetes.io/enforce';

/** Spilo's cron needs sudo, which the strictest of the standards forbids. */
function admission({ shared, cluster: { metadata } }: ExaminedCluster): Found {
  return known(shared.labels, unknown('its namespace is not there'), (labels) =>
    labels[enforced] === 'restricted'
      ? trouble(
          `namespace ${metadata.namespace} enforces the restricted Pod Security Standard, which refuses every member`,
          `kubectl label namespace ${metadata.namespace} --overwrite ${enforced}=baseline`,
        )
      : fine('its namespace lets members in'),
  );
}

/** Patroni's state in two places at once is two leaders. */
function mode({ cluster: { spec }, statefulSet }: ExaminedCluster): Found {
  return known(statefulSet, fine('there is no StatefulSet yet'), ({ metadata, spec: { template } }) => {
    const marked = metadata.annotations?.[annotations.dcs];
    const told = template.spec.containers
      .flatMap(({ env = [] }) => env)
      .some(({ name, value = '' }) => name === 'KUBERNETES_USE_CONFIGMAPS' && value !== '')
      ? 'ConfigMaps'
      : 'Endpoints';
    const asked = spec.dcs ?? told;
    if (marked === told && asked === told) return fine(`Patroni keeps its state in ${told}`);
    return trouble(
      `members are told to keep Patroni's state in ${told}, the StatefulSet is marked ${marked ?? 'with nothing'}, the spec says ${asked}`,
      'let nobody else write the StatefulSet, and restart no member, until they are the same',
    );
  });
}

function images({ pods }: ExaminedCluster): Found {
  return known(pods, fine('there are no members yet'), (all) => {
    const stuck = all.flatMap(({ metadata, status }) =>
      [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
        .filter(({ state }) => pullReasons.has(state?.waiting?.reason ?? ''))
        .map(({ image, state }) => `${metadata.name} has no ${image} (${state?.waiting?.reason ?? ''})`),
    );
    if (stuck.length === 0) return fine('every node has got the images of its members');
    return trouble(some(stuck), 'put the image where the nodes pull from, or name one that is there in spec.image');
  });
}

/** As the API server matches it: an empty selector takes every pod, none takes no pod. */
export function selects(selector: Selector | undefined, own: Readonly<Record<string, string>>): boolean {
  if (selector === undefined) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => own[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const has = own[key] !== undefined;
      if (operator === 'Exists') return has;
      if (operator === 'DoesNotExist') return !has;
      const isIn = has && values.includes(own[key] ?? '');
      return operator === 'In' ? isIn : !isIn;
    })
  );
}

/** Budgets of other people over the same pods: the API server evicts no pod that has two. */
function strangers(budgets: readonly Budget[], pods: readonly Pod[], own: string): readonly string[] {
  return budgets
    .filter(({ metadata: { name } }) => name !== own)
    .filter(({ spec }) => pods.some(({ metadata }) => selects(spec?.selector, metadata.labels ?? {})))
    .map(({ metadata: { name } }) => name);
}

function budget({ cluster: { metadata, spec }, shared, pods }: ExaminedCluster): Found {
  const { disruptionBudget } = objectNames(metadata.name);
  const members = spec.replicas ?? 1;
  if (pods.is === 'known' && pods.value.length === 0) return fine('there are no members yet');
  return known(shared.budgets, unknown('its namespace tells of no budgets'), (all) => {
    const others = strangers(all, pods.is === 'known' ? pods.value : [], disruptionBudget);
    if (others.length > 0)
      return trouble(
        `PodDisruptionBudget ${some(others)} counts its members too: no node with one of them can be drained`,
        'narrow its selector, so that it leaves pods of PostgreSQL out',
      );
    const own = all.find(({ metadata: { name } }) => name === disruptionBudget);
    if (members === 1)
      return warning(
        'it has one member: whoever drains its node ends the database for that long',
        'set spec.replicas to 2 or more',
      );
    if (own === undefined)
      return trouble(
        `PodDisruptionBudget ${disruptionBudget} is not there: a drain may take all members at once`,
        "'pgc why' says what hinders the operator",
      );
    const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0, expectedPods = 0 } = own.status ?? {};
    if (expectedPods === 0) return unknown('Kubernetes has not counted its members yet');
    if (disruptionsAllowed > 0) return fine(`a drain may take ${disruptionsAllowed} of ${members} members at a time`);
    return warning(
      `a drain waits: members that are ready: ${currentHealthy}, that have to stay: ${desiredHealthy}`,
      "'pgc status' says which member is missing, and why",
    );
  });
}

function spread({ cluster: { spec }, pods }: ExaminedCluster, { nodes }: Examined): Found {
  const members = spec.replicas ?? 1;
  return known(pods, fine('there are no members yet'), (all) => {
    const placed = all.flatMap(({ metadata: { name }, spec: { nodeName } = {} }) =>
      nodeName === undefined ? [] : [{ name, node: nodeName }],
    );
    const on = [...new Set(placed.map(({ node }) => node))];
    const shared = on
      .map((node) => ({ node, there: placed.filter((each) => each.node === node).map(({ name }) => name) }))
      .filter(({ there }) => there.length > 1);
    if (shared.length === 0) return fine(`${placed.length} members on ${on.length} nodes`);
    const words = shared.map(({ node, there }) => `${there.join(' and ')} on ${node}`);
    const free =
      nodes.is === 'known'
        ? nodes.value.filter((node) => node.spec?.unschedulable !== true && holds(node.status?.conditions, 'Ready'))
            .length
        : null;
    return warning(
      `${some(words)}: one node takes them together`,
      free !== null && free < members
        ? `members: ${members}, nodes that take pods: ${free}; add nodes`
        : 'delete one of the pods once the other nodes have room; spec.placement can demand it',
    );
  });
}

function volumes({ cluster: { spec }, claims }: ExaminedCluster, { classes }: Examined): Found {
  return known(classes, unknown('there are no storage classes to be seen'), (all) => {
    const named = new Set(
      claims.is === 'known' ? claims.value.flatMap((claim) => claim.spec?.storageClassName ?? []) : [],
    );
    if (spec.storage?.storageClass !== undefined) named.add(spec.storage.storageClass);
    if (named.size === 0)
      return all.some(
        ({ metadata }) => metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true',
      )
        ? fine('it takes the default storage class')
        : trouble(
            'it names no storage class, and there is no default',
            'mark a class as the default, or set spec.storage.storageClass',
          );
    const gone = [...named].filter((name) => !all.some(({ metadata }) => metadata.name === name));
    if (gone.length > 0)
      return trouble(
        `storage class ${some(gone)} is not there: no volume of it is made or grows`,
        'make the class again',
      );
    const fixed = all.filter((each) => named.has(each.metadata.name) && each.allowVolumeExpansion !== true);
    if (fixed.length === 0) return fine(`volumes of ${some([...named])} can grow`);
    return warning(
      `volumes of ${some(fixed.map(({ metadata }) => metadata.name))} cannot grow: an edit of storage.size is refused`,
      'set allowVolumeExpansion on the class, if its driver can',
    );
  });
}

/** Each for every cluster, in this order. */
export const databaseChecks: readonly {
  readonly check: string;
  readonly look: (one: ExaminedCluster, seen: Examined) => Found;
}[] = [
  { check: 'followed', look: followed },
  { check: 'admission', look: admission },
  { check: 'mode', look: mode },
  { check: 'images', look: images },
  { check: 'budget', look: budget },
  { check: 'spread', look: spread },
  { check: 'volumes', look: volumes },
];
