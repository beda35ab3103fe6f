/**
 * Owns: what the doctor asks the API server for, with the rights of whoever runs it. It changes nothing: the reviews of access that
 * it creates are questions, and kept nowhere. What may not be read is a sentence in place of an answer.
 */
import { labels } from '#machines/shared/names.ts';
import { placeOf, resourcePath } from '#src/decision/paths.ts';
import { Refused } from '#src/errors.ts';
import type { Kube } from '#src/kube/api.ts';
import type { Answer } from '#src/kube/request.ts';
import type { Lease, Definition, Node, StorageClass, Budget, Claim, Cluster, Pod, StatefulSet } from './objects.ts';
import { operatorPodSelector } from '../operator.ts';
import { asksOf, type AccessRule, type Ask } from './rights.ts';

/** An answer of the API server, or why there is none. */
export type Asked<T> =
  | { readonly is: 'known'; readonly value: T }
  | { readonly is: 'absent' }
  | { readonly is: 'unknown'; readonly because: string };

/** A right that was asked about. */
export interface Right extends Ask {
  readonly allowed: boolean;
}

/** A cluster with what belongs to it. */
export interface ExaminedCluster {
  readonly cluster: Cluster;
  readonly statefulSet: Asked<StatefulSet>;
  readonly pods: Asked<readonly Pod[]>;
  readonly claims: Asked<readonly Claim[]>;
  readonly shared: NamespaceFacts;
}

/** What clusters of one namespace have in common. */
export interface NamespaceFacts {
  readonly labels: Asked<Readonly<Record<string, string>>>;
  readonly budgets: Asked<readonly Budget[]>;
}

/** All that was asked for. */
export interface Examined {
  /** Of this machine, milliseconds since 1970. */
  readonly nowMs: number;
  readonly operatorNamespace: string;
  readonly version: Asked<{ readonly gitVersion: string }>;
  readonly definition: Asked<Definition>;
  readonly operatorPods: Asked<readonly Pod[]>;
  readonly lease: Asked<Lease>;
  readonly nodes: Asked<readonly Node[]>;
  readonly nodeLeases: Asked<readonly Lease[]>;
  readonly classes: Asked<readonly StorageClass[]>;
  readonly operatorRights: Asked<readonly Right[]>;
  readonly ownRights: Asked<readonly Right[]>;
  readonly clusters: readonly ExaminedCluster[];
}

export interface Where {
  readonly operatorNamespace: string;
  readonly leaseName: string;
  /** Of which clusters; null for all that may be seen. */
  readonly namespace: string | null;
  /** Looked into where not all namespaces may be. */
  readonly usualNamespace: string;
  readonly name: string | null;
  /** What the operator has to be allowed. */
  readonly rules: readonly AccessRule[];
}

type List<T> = { readonly items?: readonly T[] };

const coordination = '/apis/coordination.k8s.io/v1';
const authorization = '/apis/authorization.k8s.io/v1';

/** @param as what the API server's own schema vouches for */
function asked<T, U>(answer: Answer, as: (body: T) => U): Asked<U> {
  if (answer.type === 'ok') return { is: 'known', value: as(answer.body as T) };
  if (answer.type === 'refused' && answer.status === 404) return { is: 'absent' };
  return { is: 'unknown', because: answer.type === 'refused' ? answer.message : answer.because };
}

async function listed<T>(kube: Kube, path: string, labelSelector = ''): Promise<Asked<readonly T[]>> {
  const answer = await kube.get(path, labelSelector === '' ? {} : { labelSelector });
  return asked(answer, ({ items = [] }: List<T>) => items);
}

async function read<T>(kube: Kube, path: string): Promise<Asked<T>> {
  return asked(await kube.get(path), (body: T) => body);
}

/** Whether each thing may be done. @param user null for whoever asks */
async function reviewed(
  kube: Kube,
  asks: readonly Ask[],
  user: { readonly name: string; readonly groups: readonly string[] } | null,
): Promise<Asked<readonly Right[]>> {
  const kind = user === null ? 'SelfSubjectAccessReview' : 'SubjectAccessReview';
  const answers = await Promise.all(
    asks.map(async (ask) => {
      const { namespace, group, resource, subresource, verb } = ask;
      const resourceAttributes = { namespace, group, resource, subresource, verb };
      const spec =
        user === null ? { resourceAttributes } : { resourceAttributes, user: user.name, groups: user.groups };
      const request = {
        method: 'POST',
        path: `${authorization}/${kind.toLowerCase()}s`,
        query: {},
        contentType: 'application/json',
        body: JSON.stringify({ apiVersion: 'authorization.k8s.io/v1', kind, spec }),
        auditId: null,
      } as const;
      return asked(
        await kube.send(request),
        ({ status }: { readonly status?: { readonly allowed?: boolean } }): Right => ({
          ...ask,
          allowed: status?.allowed === true,
        }),
      );
    }),
  );
  const dark = answers.find((answer) => answer.is !== 'known');
  return dark ?? { is: 'known', value: answers.flatMap((answer) => (answer.is === 'known' ? [answer.value] : [])) };
}

/** The rights that the operator's own pods run with: in all namespaces; where not all are granted there, in those of the clusters. */
async function operatorRights(
  kube: Kube,
  where: Where,
  pods: Asked<readonly Pod[]>,
  namespaces: readonly string[],
): Promise<Asked<readonly Right[]>> {
  if (pods.is !== 'known') return pods;
  const account = pods.value.map(({ spec }) => spec?.serviceAccountName).find((name) => name !== undefined);
  if (account === undefined) return { is: 'unknown', because: 'no pod of the operator says as whom it runs' };
  const own = where.operatorNamespace;
  const user = {
    name: `system:serviceaccount:${own}:${account}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${own}`, 'system:authenticated'],
  };
  const everywhere = await reviewed(kube, asksOf(where.rules, [''], own), user);
  const isWhole = everywhere.is !== 'known' || everywhere.value.every(({ allowed }) => allowed);
  if (isWhole || namespaces.length === 0) return everywhere;
  return reviewed(kube, asksOf(where.rules, namespaces, own), user);
}

async function clustersOf(kube: Kube, { name, namespace, usualNamespace }: Where): Promise<Asked<readonly Cluster[]>> {
  if (name !== null) {
    const found = await read<Cluster>(kube, resourcePath('PostgresCluster', namespace ?? usualNamespace, name));
    return found.is === 'known' ? { is: 'known', value: [found.value] } : found;
  }
  const inOne = (each: string): Promise<Asked<readonly Cluster[]>> =>
    listed(kube, resourcePath('PostgresCluster', each, null));
  if (namespace !== null) return inOne(namespace);
  const { root, resource } = placeOf('PostgresCluster');
  const all = await listed<Cluster>(kube, `${root}/${resource}`);
  return all.is === 'unknown' ? inOne(usualNamespace) : all;
}

const notSeen: NamespaceFacts = { labels: { is: 'absent' }, budgets: { is: 'absent' } };

async function namespaceFacts(kube: Kube, namespace: string): Promise<NamespaceFacts> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  return {
    labels: asked(await kube.get(path), ({ metadata }: Pick<Cluster, 'metadata'>) => metadata.labels ?? {}),
    budgets: await listed<Budget>(kube, resourcePath('PodDisruptionBudget', namespace, null)),
  };
}

async function examinedCluster(kube: Kube, cluster: Cluster, shared: NamespaceFacts): Promise<ExaminedCluster> {
  const { namespace, name } = cluster.metadata;
  const own = `${labels.cluster}=${name}`;
  return {
    cluster,
    statefulSet: await read<StatefulSet>(kube, resourcePath('StatefulSet', namespace, name)),
    pods: await listed<Pod>(kube, resourcePath('Pod', namespace, null), own),
    claims: await listed<Claim>(kube, resourcePath('PersistentVolumeClaim', namespace, null), own),
    shared,
  };
}

/** Asks for everything. @throws Refused when the cluster that is named is not there, or none may be seen */
export async function examine(kube: Kube, where: Where): Promise<Examined> {
  const found = await clustersOf(kube, where);
  // Without the definition there are no clusters either; that is for the doctor to say.
  if (found.is === 'unknown' || (found.is === 'absent' && where.name !== null))
    throw new Refused(found.is === 'absent' ? 'there is none of this name' : found.because, {
      operation: 'look at',
      subject:
        where.name === null
          ? 'the clusters'
          : `PostgresCluster ${where.namespace ?? where.usualNamespace}/${where.name}`,
      hint: 'name its namespace with -n, and the Kubernetes with --kubeconfig and --context',
    });
  const clusters = found.is === 'known' ? found.value : [];
  const namespaces = [...new Set(clusters.map(({ metadata }) => metadata.namespace))];
  const shared = new Map(
    await Promise.all(namespaces.map(async (each) => [each, await namespaceFacts(kube, each)] as const)),
  );
  const own = where.operatorNamespace;
  const operatorPods = await listed<Pod>(kube, resourcePath('Pod', own, null), operatorPodSelector);
  const forward = { group: '', resource: 'pods', subresource: 'portforward', verb: 'create', namespace: own };
  return {
    operatorNamespace: own,
    version: await read(kube, '/version'),
    definition: await read(
      kube,
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/postgresclusters.postgres.example.com',
    ),
    operatorPods,
    nodes: await listed(kube, '/api/v1/nodes'),
    classes: await listed(kube, '/apis/storage.k8s.io/v1/storageclasses'),
    operatorRights: await operatorRights(kube, where, operatorPods, namespaces),
    ownRights: await reviewed(kube, [forward], null),
    clusters: await Promise.all(
      clusters.map((cluster) => examinedCluster(kube, cluster, shared.get(cluster.metadata.namespace) ?? notSeen)),
    ),
    // Last of all: what was renewed after this machine looked at its clock would be from the future.
    nodeLeases: await listed(kube, `${coordination}/namespaces/kube-node-lease/leases`),
    lease: await read(kube, `${coordination}/namespaces/${own}/leases/${where.leaseName}`),
    nowMs: Date.now(),
  };
}
