/**
 * Owns: every label, annotation, finalizer and field manager name, and the names of a cluster's objects. One place, so that
 * the StatefulSet's template labels, Patroni's selector and our watches cannot drift apart.
 */

export const apiGroup = 'postgres.example.com';
export const apiVersion = 'postgres.example.com/v1alpha1';

export const finalizer = 'postgres.example.com/finalizer';
/** On the Services behind Patroni's Endpoints: deleting one by hand only marks it, the lock survives. */
export const dcsFinalizer = 'postgres.example.com/dcs';

export const fieldManagers = {
  objects: 'postgres-operator',
  finalizer: 'postgres-operator-finalizer',
  status: 'postgres-operator-status',
  /** The one status write without an intent: that the journal cannot be written. */
  journal: 'postgres-operator-journal',
  /** The one Secret that is made without an intent: the key of digests. */
  journalKey: 'postgres-operator-journal-key',
} as const;

/** In the operator's own namespace: the key of the digests that journals hold of Secrets. */
export const journalKeySecret = 'postgres-operator-journal-key';

export const labels = {
  name: 'app.kubernetes.io/name',
  component: 'app.kubernetes.io/component',
  managedBy: 'app.kubernetes.io/managed-by',
  /** Value: the cluster's name. Also Patroni's scope label. */
  cluster: 'postgres.example.com/cluster',
  /** Value: uid of the PostgresCluster. On owned objects, never in the pod template: adoption must not roll pods. */
  clusterUid: 'postgres.example.com/cluster-uid',
  /** Value `true`: kept by a deletion, waiting for a namesake or a human. */
  retained: 'postgres.example.com/retained',
  /** Written by Patroni. */
  role: 'spilo-role',
} as const;

export const labelValues = {
  name: 'postgresql',
  managedBy: 'postgres-operator',
  /** Database pods and Patroni's own objects; no other pod may carry it. */
  database: 'database',
  leader: 'master',
  replica: 'replica',
} as const;

export const annotations = {
  /** Key of the last effect that landed on the object. */
  effect: 'postgres.example.com/effect',
  /** On the StatefulSet: accepted spec, canonical JSON. */
  acceptedSpec: 'postgres.example.com/accepted-spec',
  /** On the StatefulSet: version of the rendering that made it. */
  renderVersion: 'postgres.example.com/render-version',
  dcs: 'postgres.example.com/dcs',
  image: 'postgres.example.com/image',
  /** On the StatefulSet while another spec is rolled out: the last one that was true of every member, canonical JSON. */
  rolledOutSpec: 'postgres.example.com/rolled-out-spec',
  /** On the StatefulSet meanwhile, where that one names no image and the other does: the one that was chosen for it. */
  chosenImage: 'postgres.example.com/chosen-image',
  /** On the StatefulSet: parameters that the cluster was bootstrapped with, JSON; the pod template holds them for ever. */
  bootstrapParameters: 'postgres.example.com/bootstrap-parameters',
  /** On the pod template and so on every pod: hash of the pod's specification as it was rendered. */
  template: 'postgres.example.com/template',
  /** On pods: hash and keys of the metadata that the spec asked for. */
  podMetadata: 'postgres.example.com/pod-metadata',
  /** On retained objects. */
  systemIdentifier: 'postgres.example.com/system-identifier',
  major: 'postgres.example.com/major',
  approve: 'postgres.example.com/approve',
  /** On the Secret in force, the StatefulSet, its template and so on every pod: which credentials; absent for the first ones. */
  credentials: 'postgres.example.com/credentials',
  /** On Secrets whose values were made anew: the token that asked for it. */
  rotated: 'postgres.example.com/rotated',
} as const;

/** What can be asked for once, by an annotation of this name on the PostgresCluster; tried in this order. */
export const oneShots = ['reload', 'restart', 'switchover', 'reinit', 'replace', 'rotate-credentials'] as const;

export type OneShot = (typeof oneShots)[number];

/** The annotation that asks for it. */
export function oneShotAnnotation(kind: OneShot): string {
  return `${apiGroup}/${kind}`;
}

/** Names of the objects of the cluster called `cluster`. */
export function objectNames(cluster: string): {
  readonly statefulSet: string;
  readonly primaryService: string;
  readonly replicaService: string;
  readonly headlessService: string;
  readonly dcsServices: readonly string[];
  readonly applicationSecret: string;
  readonly credentials: string;
  readonly credentialsInForce: string;
  readonly access: string;
  readonly patroniConfig: string;
  readonly disruptionBudget: string;
} {
  return {
    statefulSet: cluster,
    primaryService: cluster,
    replicaService: `${cluster}-repl`,
    headlessService: `${cluster}-headless`,
    dcsServices: [`${cluster}-config`, `${cluster}-sync`, `${cluster}-failover`],
    applicationSecret: `${cluster}-app`,
    credentials: `${cluster}-credentials`,
    credentialsInForce: `${cluster}-credentials-inforce`,
    access: `${cluster}-patroni`,
    patroniConfig: `${cluster}-patroni-config`,
    disruptionBudget: `${cluster}-pdb`,
  };
}

/** Name of the claim of member `ordinal`: the StatefulSet's template name, its name, the ordinal. */
export function claimName(cluster: string, ordinal: number): string {
  return `data-${cluster}-${ordinal}`;
}

/** Ordinal of the member whose claim this is; -1 when it is none of this cluster's. */
export function claimOrdinal(cluster: string, claim: string): number {
  const prefix = 'data-';
  return claim.startsWith(prefix) ? ordinalOf(cluster, claim.slice(prefix.length)) : -1;
}

/** Name of the pod of member `ordinal`. */
export function podName(cluster: string, ordinal: number): string {
  return `${cluster}-${ordinal}`;
}

/** Name of the object that holds Patroni's leader key. */
export function leaderObject(cluster: string, dcs: 'Endpoints' | 'ConfigMaps'): string {
  return dcs === 'Endpoints' ? cluster : `${cluster}-leader`;
}

/** Name of the object that holds Patroni's configuration and the `initialize` key. */
export function configObject(cluster: string): string {
  return `${cluster}-config`;
}

/** Name of the object that holds a requested switchover. */
export function failoverObject(cluster: string): string {
  return `${cluster}-failover`;
}

/** Name of the object that says which members confirm commits. */
export function syncObject(cluster: string): string {
  return `${cluster}-sync`;
}

/** The ordinal in a member's name; -1 when the name is none of this cluster's members. */
export function ordinalOf(cluster: string, pod: string): number {
  const ordinal = pod.startsWith(`${cluster}-`) ? pod.slice(cluster.length + 1) : '';
  return /^\d+$/.test(ordinal) ? Number(ordinal) : -1;
}
