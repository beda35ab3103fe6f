/**
 * Owns: what the API server refuses of built-in objects, as far as anybody in the simulated world may try it. The words are
 * its own only roughly; that something is refused, and as what, is the same (`test/conformance`).
 */
import { quantityBytes } from '#machines/shared/quantity.ts';
import { at, isJson, list, number, same, text, type Json } from '../json.ts';

/** What is wrong with an object; `live` is its former self, null for a new one. */
type Check = (object: Json, live: Json | null) => readonly string[];

function when(isWrong: boolean, problem: string): readonly string[] {
  return isWrong ? [problem] : [];
}

/** Fields that cannot be changed once they are there. */
function fixed(...paths: readonly (readonly string[])[]): Check {
  return (object, live) =>
    live === null
      ? []
      : paths
          .filter((path) => {
            const [parents, last] = [path.slice(0, -1), path.at(-1) ?? ''];
            return !same(at(object, ...parents)[last], at(live, ...parents)[last]);
          })
          .map((path) => `${path.join('.')}: Invalid value: field is immutable`);
}

function bears(labels: Json, wanted: Json): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

const changeableOfSets = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

/** Mounts of volumes that are not there. */
function lostMounts(spec: Json, claims: readonly unknown[] = []): readonly string[] {
  const names = [...list(spec, 'volumes'), ...claims].map(
    (each) => text(each, 'name') || text(each, 'metadata', 'name'),
  );
  return list(spec, 'containers')
    .flatMap((container) => list(container, 'volumeMounts').map((mount) => text(mount, 'name')))
    .filter((name) => !names.includes(name))
    .map((name) => `spec.containers[].volumeMounts[].name: Not found: "${name}"`);
}

const fieldPaths =
  /^(metadata\.(name|namespace|uid|labels\['.+'\]|annotations\['.+'\])|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?))$/;

/** Fields of a pod that no variable can be. */
function strangeVariables(spec: Json): readonly string[] {
  return list(spec, 'containers')
    .flatMap((container) => list(container, 'env'))
    .map((variable) => at(variable, 'valueFrom')['fieldRef'])
    .filter((reference) => reference !== undefined && !fieldPaths.test(text(reference, 'fieldPath')))
    .map((reference) => {
      const path = text(reference, 'fieldPath');
      return `spec.template.spec.containers[0].env.valueFrom.fieldRef.fieldPath: Invalid value: "${path}": error converting fieldPath: field label not supported: ${path}`;
    });
}

const statefulSet: Check = (object, live) => {
  const spec = at(object, 'spec');
  const matched = at(spec, 'selector', 'matchLabels');
  const labels = at(spec, 'template', 'metadata', 'labels');
  const before = at(live, 'spec');
  const fields = [...new Set([...Object.keys(spec), ...Object.keys(before)])];
  const moved = fields.filter((field) => !changeableOfSets.has(field) && !same(spec[field], before[field]));
  return [
    ...when(!isJson(spec['selector']), 'spec.selector: Required value'),
    ...when(
      Object.keys(matched).length === 0 || !bears(labels, matched),
      'spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`',
    ),
    ...lostMounts(at(spec, 'template', 'spec'), list(spec, 'volumeClaimTemplates')),
    ...strangeVariables(at(spec, 'template', 'spec')),
    ...when(list(spec, 'template', 'spec', 'containers').length === 0, 'spec.template.spec.containers: Required value'),
    ...when(
      live !== null && moved.length > 0,
      `spec: Forbidden: updates to statefulset spec for fields ${moved.join(', ')}`,
    ),
  ];
};

/** A Pod without what may change of it: images, more tolerations, a deadline, and the node it is bound to, once. */
function settledPod(pod: Json, live: Json): Json {
  const { nodeName, tolerations: _tolerations, activeDeadlineSeconds: _deadline, ...spec } = at(pod, 'spec');
  const bound = text(live, 'spec', 'nodeName');
  const containers = list(spec, 'containers').map((container) => ({ ...at(container), image: '' }));
  return { ...spec, containers, nodeName: bound === '' ? '' : nodeName };
}

const pod: Check = (object, live) => [
  ...lostMounts(at(object, 'spec')),
  ...when(list(object, 'spec', 'containers').length === 0, 'spec.containers: Required value'),
  ...when(
    live !== null && !same(settledPod(object, live), settledPod(live, live)),
    'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`',
  ),
];

const service: Check = (object, live) => {
  const spec = at(object, 'spec');
  const ports = list(spec, 'ports').map((port) => at(port));
  const names = ports.map((port) => text(port, 'name'));
  const places = ports.map((port) => `${String(port['port'])}/${text(port, 'protocol')}`);
  return [
    ...when(ports.length === 0 && text(spec, 'clusterIP') !== 'None', 'spec.ports: Required value'),
    ...when(ports.length > 1 && names.includes(''), 'spec.ports.name: Required value'),
    ...when(new Set(names).size < names.length, 'spec.ports.name: Duplicate value'),
    ...when(
      text(spec, 'ipFamilyPolicy') === 'RequireDualStack' && isJson(spec['selector']),
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ),
    ...when(new Set(places).size < places.length, 'spec.ports: Duplicate value'),
    ...fixed(['spec', 'clusterIP'])(object, live),
  ];
};

function sizeOf(claimed: Json): string {
  return text(claimed, 'spec', 'resources', 'requests', 'storage');
}

function withoutSize(claimed: Json): Json {
  const { resources: _resources, ...rest } = at(claimed, 'spec');
  return rest;
}

const claim: Check = (object, live) => {
  const capacity = text(live, 'status', 'capacity', 'storage');
  const isBound = text(live, 'status', 'phase') === 'Bound';
  const moved =
    live !== null && (!same(withoutSize(object), withoutSize(live)) || (!isBound && sizeOf(object) !== sizeOf(live)));
  return [
    ...when(list(object, 'spec', 'accessModes').length === 0, 'spec.accessModes: Required value'),
    ...when(sizeOf(object) === '', 'spec.resources[storage]: Required value'),
    ...when(moved, 'spec: Forbidden: spec is immutable after creation except resources.requests for bound claims'),
    ...when(
      live !== null &&
        quantityBytes(sizeOf(object)) < quantityBytes(sizeOf(live)) &&
        quantityBytes(sizeOf(object)) <= quantityBytes(capacity),
      'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ),
  ];
};

const secret: Check = (object, live) => [
  ...fixed(['type'])(object, live),
  ...(live?.['immutable'] === true ? fixed(['data'], ['immutable'])(object, live) : []),
];

const roleBinding: Check = (object, live) => [
  ...when(text(object, 'roleRef', 'kind') === '', 'roleRef.kind: Unsupported value: ""'),
  ...when(text(object, 'roleRef', 'name') === '', 'roleRef.name: Required value'),
  ...fixed(['roleRef'])(object, live),
];

const budget: Check = (object) =>
  when(
    'minAvailable' in at(object, 'spec') && 'maxUnavailable' in at(object, 'spec'),
    'spec: Invalid value: minAvailable and maxUnavailable cannot be both set',
  );

const lease: Check = (object) =>
  when(
    number(object, 1, 'spec', 'leaseDurationSeconds') <= 0,
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  );

const event: Check = (object) =>
  when(
    text(object, 'involvedObject', 'namespace') !== text(object, 'metadata', 'namespace'),
    'involvedObject.namespace: Invalid value: does not match event.namespace',
  );

const checks: Readonly<Record<string, Check>> = {
  StatefulSet: statefulSet,
  Pod: pod,
  Service: service,
  PersistentVolumeClaim: claim,
  Secret: secret,
  RoleBinding: roleBinding,
  PodDisruptionBudget: budget,
  Lease: lease,
  Event: event,
};

const finalizers: Check = (object, live) => {
  if (live === null || text(live, 'metadata', 'deletionTimestamp') === '') return [];
  const before = list(live, 'metadata', 'finalizers');
  const added = list(object, 'metadata', 'finalizers').filter((each) => !before.includes(each));
  return when(
    added.length > 0,
    `metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${added.join(', ')}`,
  );
};

const owners: Check = (object) =>
  when(
    list(object, 'metadata', 'ownerReferences').filter((owner) => at(owner)['controller'] === true).length > 1,
    'metadata.ownerReferences: Invalid value: Only one reference can have Controller set to true',
  );

/** The StorageClass of this world whose volumes cannot grow. */
export const fixedClass = 'fixed';

/** What an admission plugin says to a change; null when it lets it pass. */
export function forbiddenOf(kind: string, object: Json, live: Json | null): string | null {
  if (kind !== 'PersistentVolumeClaim' || live === null) return null;
  const isLarger = quantityBytes(sizeOf(object)) > quantityBytes(sizeOf(live));
  if (!isLarger || text(live, 'spec', 'storageClassName') !== fixedClass) return null;
  return 'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
}

/** What the API server would refuse of a built-in object, and of anybody's metadata. */
export function refusedOf(kind: string, object: Json, live: Json | null): readonly string[] {
  return [...finalizers(object, live), ...owners(object, live), ...(checks[kind]?.(object, live) ?? [])];
}
