/**
 * Owns: what a spec means: the list of objects a cluster consists of, completely rendered, in the order of creation.
 * Pure; memoised by spec and resolved choices, since most observations change neither.
 */
import { isObject } from '#machines/shared/json.ts';
import { claimName, objectNames } from '#machines/shared/names.ts';
import type { DesiredObject, GeneratedKey, Json, Plan } from '#machines/cluster/plan.ts';
import type { WatchedKind } from '#machines/cluster/observations.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { sha256 } from '#src/decision/hash.ts';
import type { Builders } from '#src/decision/decide.ts';
import { nextMembers } from '#machines/cluster/tables/scaling.ts';
import { acceptedSpecText, parseAcceptedSpec, parseParameters } from './accepted.ts';
import type { BuildInput } from './metadata.ts';
import { role, roleBinding, serviceAccount } from './cluster/access.ts';
import { dynamicConfiguration, patroniConfigMap } from './cluster/patroni.ts';
import { application, credentials, credentialsInForce } from './cluster/secrets.ts';
import { headlessService, patroniServices, primaryService, replicaService } from './cluster/services.ts';
import { claim, disruptionBudget, statefulSet, templateHash } from './cluster/statefulset.ts';
import { dynamicParameters, removedParameters } from './parameters/dynamic.ts';
import { podMetadata } from './fields/pod-metadata.ts';
import { creationProblems, editProblems, needsRollout } from './validation.ts';
import { windowsAt } from './windows.ts';
import { workOf } from './work.ts';

const apis: Readonly<
  Record<
    Exclude<WatchedKind, 'Pod' | 'Endpoints'>,
    { readonly apiVersion: string; readonly resource: string; readonly deletion: DesiredObject['deletion'] }
  >
> = {
  StatefulSet: { apiVersion: 'apps/v1', resource: 'statefulsets', deletion: 'statefulset' },
  Service: { apiVersion: 'v1', resource: 'services', deletion: 'service' },
  ConfigMap: { apiVersion: 'v1', resource: 'configmaps', deletion: 'configuration' },
  Secret: { apiVersion: 'v1', resource: 'secrets', deletion: 'secret' },
  PersistentVolumeClaim: { apiVersion: 'v1', resource: 'persistentvolumeclaims', deletion: 'claim' },
  PodDisruptionBudget: { apiVersion: 'policy/v1', resource: 'poddisruptionbudgets', deletion: 'disruption-budget' },
  ServiceAccount: { apiVersion: 'v1', resource: 'serviceaccounts', deletion: 'access' },
  Role: { apiVersion: 'rbac.authorization.k8s.io/v1', resource: 'roles', deletion: 'access' },
  RoleBinding: { apiVersion: 'rbac.authorization.k8s.io/v1', resource: 'rolebindings', deletion: 'access' },
};

interface Draft {
  readonly kind: keyof typeof apis;
  readonly name: string;
  readonly body: Json;
  readonly generated?: readonly GeneratedKey[];
  readonly after?: readonly string[];
}

function desired(draft: Draft): DesiredObject {
  const { kind, name, body, generated = [], after = [] } = draft;
  const secret = kind === 'Secret';
  return {
    ref: { kind, name },
    ...apis[kind],
    body,
    renderHash: sha256(JSON.stringify(body)),
    creation: secret ? 'C' : 'B',
    generated,
    repair: secret || kind === 'PersistentVolumeClaim' ? 'none' : 'full',
    disruptive: kind === 'StatefulSet',
    leaf: isObject(body) && isObject(body['metadata']) && 'ownerReferences' in body['metadata'],
    after,
  };
}

/** Database and owner of a spec, with their defaults. */
export function databaseOf(spec: BuildInput['spec']): Plan['database'] {
  return { name: spec.database?.name ?? 'app', owner: spec.database?.owner ?? 'app' };
}

/** Every object of a cluster in order of creation; the StatefulSet waits for all that its pods refer to. */
export function desiredObjects(input: BuildInput): readonly DesiredObject[] {
  const names = objectNames(input.name);
  // Claims of members that are on their way out are still wanted as long as they run.
  const replicas = Math.max(input.spec.replicas ?? 1, input.members);
  const inForce = `Secret/${names.credentialsInForce}`;
  const drafts: Draft[] = [
    { kind: 'ServiceAccount', name: names.access, body: serviceAccount(input) },
    { kind: 'Role', name: names.access, body: role(input) },
    // Whoever may not bind any role must let the API server look up what this one allows.
    { kind: 'RoleBinding', name: names.access, body: roleBinding(input), after: [`Role/${names.access}`] },
    { kind: 'Secret', name: names.credentialsInForce, ...credentialsInForce(input) },
    { kind: 'Secret', name: names.credentials, ...credentials(input), after: [inForce] },
    { kind: 'Secret', name: names.applicationSecret, ...application(input, databaseOf(input.spec)), after: [inForce] },
    { kind: 'ConfigMap', name: names.patroniConfig, body: patroniConfigMap(input) },
    { kind: 'Service', name: names.primaryService, body: primaryService(input) },
    { kind: 'Service', name: names.replicaService, body: replicaService(input) },
    { kind: 'Service', name: names.headlessService, body: headlessService(input) },
    ...patroniServices(input).map(({ name, body }): Draft => ({ kind: 'Service', name, body })),
    ...Array.from({ length: replicas }, (_, ordinal): Draft => {
      const name = claimName(input.name, ordinal);
      return { kind: 'PersistentVolumeClaim', name, body: claim(input, name) };
    }),
  ];
  const needed = drafts.map((draft) => `${draft.kind}/${draft.name}`);
  drafts.push({ kind: 'StatefulSet', name: names.statefulSet, body: statefulSet(input), after: needed });
  if (replicas > 1)
    drafts.push({ kind: 'PodDisruptionBudget', name: names.disruptionBudget, body: disruptionBudget(input) });
  return drafts.map(desired);
}

const nothing: Plan = {
  problems: [],
  image: null,
  dcs: 'Endpoints',
  objects: [],
  database: { name: 'app', owner: 'app' },
  template: '',
  podMetadata: { labels: {}, annotations: {}, mark: null },
  dynamic: {},
  parameters: {},
  removed: {},
};

/** The rolled-out spec where it says something else than the accepted one. */
function otherSpec({ memory }: Facts): BuildInput['rolledOut'] {
  const { accepted, rolledOut } = memory;
  if (accepted === null || rolledOut === null || rolledOut.generation === accepted.generation) return null;
  return acceptedSpecText(rolledOut.spec) === acceptedSpecText(accepted.spec) ? null : rolledOut.spec;
}

/** What the claim template of the StatefulSet says; null before one is seen. */
function claimSizeOf({ world }: Facts): string | null {
  const detail = world.objects[`StatefulSet/${world.cluster?.seen.name ?? ''}`]?.object.detail;
  return detail?.type === 'StatefulSet' ? (detail.claimSize ?? null) : null;
}

/** What the accepted spec asks for on these facts; nothing before one is accepted and the choices are made. */
export function planOf(facts: Facts): Plan {
  const { accepted, dcs, image } = facts.memory;
  const { cluster, config } = facts.world;
  if (accepted === null || dcs === null || image === null || cluster === null || config === null) return nothing;
  const { uid, namespace, name, deleting } = cluster.seen;
  const { imagePullPolicy } = config;
  const bootstrapParameters = facts.memory.bootstrapParameters ?? accepted.spec.postgresqlParams ?? {};
  const claimSize = claimSizeOf(facts) ?? accepted.spec.storage.size;
  const { revision: credentialsRevision } = facts.memory.credentials;
  const steps = {
    claimSize,
    credentials: credentialsRevision,
    members: nextMembers(facts),
    rolledOut: otherSpec(facts),
    chosenImage: facts.memory.chosenImage ?? null,
    bootstrapParameters,
  };
  const resolved = { dcs, image, imagePullPolicy, ...steps };
  const input: BuildInput = { uid, namespace, name, spec: accepted.spec, deleting, ...resolved };
  return {
    problems: [],
    image,
    dcs,
    objects: desiredObjects(input),
    database: databaseOf(accepted.spec),
    template: templateHash(input),
    podMetadata: podMetadata(accepted.spec),
    dynamic: dynamicConfiguration(input),
    parameters: dynamicParameters(accepted.spec),
    removed: removedParameters(facts.memory.rolledOut?.spec ?? accepted.spec, accepted.spec),
  };
}

const plansMax = 4096;

interface KnownPlan {
  /** What it rests on; mostly the very same values are asked of again. */
  readonly rests: readonly unknown[];
  readonly key: string;
  readonly plan: Plan;
}

/** The builders with their memory: one plan per cluster, kept while nothing that it depends on has changed. */
export function makeBuilders(): Builders {
  const plans = new Map<string, KnownPlan>();
  return {
    plan: (facts) => {
      const { accepted, dcs, image } = facts.memory;
      const cluster = facts.world.cluster?.seen;
      const uid = cluster?.uid ?? '';
      const { rolledOut } = facts.memory;
      const rests = [
        cluster?.deleting === true,
        accepted,
        rolledOut,
        dcs,
        image,
        facts.memory.chosenImage,
        facts.world.config?.imagePullPolicy ?? null,
        nextMembers(facts),
        claimSizeOf(facts),
        facts.memory.bootstrapParameters,
        facts.memory.credentials.revision,
      ];
      const known = plans.get(uid);
      if (known !== undefined && rests.every((each, place) => Object.is(each, known.rests[place]))) return known.plan;
      const key = JSON.stringify(rests);
      const plan = known !== undefined && known.key === key ? known.plan : planOf(facts);
      if (plans.size >= plansMax) plans.clear();
      plans.set(uid, { rests, key, plan });
      return plan;
    },
    creation: (spec, config) => creationProblems(spec, config),
    edit: editProblems,
    needsRollout,
    work: workOf,
    windows: windowsAt,
    parseParameters,
    parseAccepted: parseAcceptedSpec,
  };
}
