/**
 * Owns: what the API server makes of a built-in object as it was sent: empty things left out, defaults put in (an update owns
 * those, an apply does not), and what is given away at creation (addresses, classes, accounts), which nobody owns.
 */
import { at, isJson, list, put, same, text, type Json } from '../json.ts';

/** Maps that are left out when there is nothing in them; any other empty map says something. */
const omitted: ReadonlySet<string> = new Set([
  'labels',
  'annotations',
  'data',
  'binaryData',
  'matchLabels',
  'nodeSelector',
  'requests',
  'limits',
  'capacity',
  'selector',
]);
/** Lists that are kept, though empty, or come back as null. */
const keptLists: ReadonlySet<string> = new Set(['containers']);

function isOmitted(key: string, value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0 && !keptLists.has(key);
  return isJson(value) && omitted.has(key) && Object.keys(value).length === 0;
}

/** Values that were looked through: most of an object was there before it was written. */
const tidy = new WeakSet<object>();

/** The value without what is as good as not said; the very same where nothing is. */
export function tidied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || tidy.has(value)) return value;
  const result = Array.isArray(value) ? tidiedList(value) : tidiedMap(at(value));
  tidy.add(result);
  return result;
}

function tidiedList(value: readonly unknown[]): readonly unknown[] {
  const items = value.map(tidied);
  return items.some((item, index) => item !== value[index]) ? items : value;
}

function tidiedMap(value: Json): Json {
  let result: Record<string, unknown> | null = null;
  for (const key of Object.keys(value)) {
    const [before, after] = [value[key], tidied(value[key])];
    if (before === after && !isOmitted(key, after)) continue;
    result ??= { ...value };
    if (isOmitted(key, after)) delete result[key];
    else result[key] = after;
  }
  return result ?? value;
}

/** The object with defaults for what it does not state at a path; nothing where the path leads nowhere. */
function over(value: unknown, defaults: Json): Json {
  const object = at(value);
  const missing = Object.keys(defaults).filter((key) => !(key in object));
  return missing.length === 0 ? object : { ...defaults, ...object };
}

/** The object with one field changed, if it is there. */
function within(value: Json, key: string, change: (inside: unknown) => unknown): Json {
  if (!(key in value)) return value;
  const after = change(value[key]);
  return after === value[key] ? value : { ...value, [key]: after };
}

/** Every item of a list changed; the very same list where none is. */
function each(change: (item: Json) => Json): (items: unknown) => unknown {
  return (items) => {
    if (!Array.isArray(items)) return items;
    const after = items.map((item) => change(at(item)));
    return after.some((item, index) => item !== items[index]) ? after : items;
  };
}

/** The object with a field, the very same where it has it. */
function having(object: Json, key: string, value: unknown): Json {
  return object[key] === value ? object : { ...object, [key]: value };
}

/** A change of objects that never change themselves: made once for each. */
function once(change: (object: Json) => Json): (object: Json) => Json {
  const made = new WeakMap<Json, Json>();
  return (object) => {
    let after = made.get(object);
    if (after === undefined) {
      made.set(object, (after = change(object)));
      made.set(after, after);
    }
    return after;
  };
}

const probe = (value: unknown): Json =>
  within(
    over(value, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 }),
    'httpGet',
    (get) => over(get, { path: '/', scheme: 'HTTP' }),
  );

function environment(item: Json): Json {
  return within(item, 'valueFrom', (from) => within(at(from), 'fieldRef', (ref) => over(ref, { apiVersion: 'v1' })));
}

function container(item: Json): Json {
  const image = text(item, 'image');
  const tag = /:([^/]+)$/.exec(image)?.[1] ?? 'latest';
  const whole = over(item, {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: tag === 'latest' ? 'Always' : 'IfNotPresent',
    resources: {},
  });
  const probed = ['livenessProbe', 'readinessProbe', 'startupProbe'].reduce(
    (here, key) => within(here, key, probe),
    whole,
  );
  const ported = within(
    probed,
    'ports',
    each((port) => over(port, { protocol: 'TCP' })),
  );
  return within(ported, 'env', each(environment));
}

function volume(item: Json): Json {
  const modes = (source: unknown): Json => over(source, { defaultMode: 420 });
  return ['secret', 'configMap', 'projected', 'downwardAPI'].reduce((here, key) => within(here, key, modes), item);
}

const podSpec = once((spec: Json): Json => {
  const whole = over(spec, {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
  // The old name of the field stands for the new one when that is taken away.
  const account = text(whole, 'serviceAccountName') || text(whole, 'serviceAccount');
  const named = account === '' ? whole : over(whole, { serviceAccountName: account, serviceAccount: account });
  const contained = ['containers', 'initContainers'].reduce((here, key) => within(here, key, each(container)), named);
  return within(contained, 'volumes', each(volume));
});

const statefulSetSpec = once((stated: Json): Json => {
  const spec = over(stated, {
    podManagementPolicy: 'OrderedReady',
    revisionHistoryLimit: 10,
    replicas: 1,
    updateStrategy: { type: 'RollingUpdate' },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  });
  const strategy = at(spec, 'updateStrategy');
  const rolling = text(strategy, 'type') === 'RollingUpdate' ? { rollingUpdate: { partition: 0 } } : {};
  const claims = each((claim) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    ...claim,
    spec: over(claim['spec'], { volumeMode: 'Filesystem' }),
    status: { phase: 'Pending' },
  }));
  const shaped = within({ ...spec, updateStrategy: over(strategy, rolling) }, 'template', (template) =>
    within(at(template), 'spec', (pod) => podSpec(at(pod))),
  );
  return within(shaped, 'volumeClaimTemplates', claims);
});

const serviceSpec = once((stated: Json): Json => {
  const spec = over(stated, { sessionAffinity: 'None', type: 'ClusterIP', internalTrafficPolicy: 'Cluster' });
  const port = (item: Json): Json => over(item, { protocol: 'TCP', targetPort: item['port'] });
  return within(spec, 'ports', each(port));
});

const boundSpec = once((stated: Json): Json => podSpec(over(stated, { enableServiceLinks: true })));
const claimSpec = once((stated: Json): Json => over(stated, { volumeMode: 'Filesystem' }));

/** The object with its specification shaped. */
function specified(shape: (spec: Json) => Json): (object: Json) => Json {
  return (object) => having(object, 'spec', shape(at(object['spec'])));
}

function subset(item: Json): Json {
  return within(
    item,
    'ports',
    each((port) => over(port, { protocol: 'TCP' })),
  );
}

const conditions = each((condition) => over(condition, { lastProbeTime: null, lastTransitionTime: null }));
const containerStatuses = each((status) => over(status, { lastState: {}, state: {} }));

function reported(object: Json): Json {
  return within(object, 'status', (status) =>
    within(within(at(status), 'conditions', conditions), 'containerStatuses', containerStatuses),
  );
}

const shapes: Readonly<Record<string, (object: Json) => Json>> = {
  StatefulSet: specified(statefulSetSpec),
  Service: specified(serviceSpec),
  Pod: (object) => reported(specified(boundSpec)(object)),
  PersistentVolumeClaim: (object) => reported(specified(claimSpec)(object)),
  Secret: (object) => {
    const { stringData, ...rest } = over(object, { type: 'Opaque' });
    if (!isJson(stringData)) return rest;
    const encoded = Object.entries(stringData).map(([key, value]) => [
      key,
      Buffer.from(String(value)).toString('base64'),
    ]);
    return { ...rest, data: { ...at(rest, 'data'), ...Object.fromEntries(encoded) } };
  },
  Namespace: (object) => ({ ...object, spec: { finalizers: ['kubernetes'] } }),
  // Without rules there is null, and not nothing.
  Role: (object) => ({ ...object, rules: object['rules'] ?? null }),
  Endpoints: (object) => within(object, 'subsets', each(subset)),
  Lease: (object) => over(object, { spec: {} }),
  PodDisruptionBudget: (object) => over(object, { spec: {} }),
};

/** The object as the server reads it: tidied, with its defaults. */
export function withDefaults(kind: string, object: Json): Json {
  const clean = at(tidied(object));
  return shapes[kind]?.(clean) ?? clean;
}

/** How a Pod is treated when its node is short of something. */
function qualityOf(spec: Json): string {
  const resources = list(spec, 'containers').map((item) => at(item, 'resources'));
  const named = resources.filter((each) => Object.keys(each).length > 0);
  if (named.length === 0) return 'BestEffort';
  const full = resources.every(
    (each) => same(each['limits'], each['requests'] ?? each['limits']) && Object.keys(at(each, 'limits')).length > 1,
  );
  return full ? 'Guaranteed' : 'Burstable';
}

const tolerations = ['not-ready', 'unreachable'].map((key) => ({
  effect: 'NoExecute',
  key: `node.kubernetes.io/${key}`,
  operator: 'Exists',
  tolerationSeconds: 300,
}));

/** Families of a Service's addresses: one without addresses and without Pods could get either kind. */
function families(spec: Json): Json {
  const isOpen = text(spec, 'clusterIP') === 'None' && !isJson(spec['selector']);
  return isOpen
    ? { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' }
    : { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' };
}

/** What is given away, by kind; `live` is null for a creation. */
const givings: Readonly<Record<string, (object: Json, live: Json | null, address: () => string) => Json>> = {
  StatefulSet: (object, live) =>
    live === null ? { ...object, status: { replicas: 0, availableReplicas: 0 } } : object,
  PodDisruptionBudget: (object, live) =>
    live === null
      ? { ...object, status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 } }
      : object,
  Service: (object, live, address) => {
    const before = at(live, 'spec');
    const stated = text(object, 'spec', 'clusterIP') || text(before, 'clusterIP');
    const clusterIP = stated === '' ? address() : stated;
    const spec = over(object['spec'], {
      clusterIP,
      clusterIPs: [clusterIP],
      ...families({ ...at(object, 'spec'), clusterIP }),
      ...('ipFamilies' in before ? { ipFamilies: before['ipFamilies'], ipFamilyPolicy: before['ipFamilyPolicy'] } : {}),
    });
    return having(having(object, 'spec', spec), 'status', over(object['status'], { loadBalancer: {} }));
  },
  PersistentVolumeClaim: (object, live) =>
    live === null
      ? { ...object, spec: over(object['spec'], { storageClassName: 'standard' }), status: { phase: 'Pending' } }
      : object,
  Namespace: (object, live) => (live === null ? { ...object, status: { phase: 'Active' } } : object),
  Event: (object) => over(object, { eventTime: null, reportingComponent: '', reportingInstance: '' }),
  Pod: (object, live) => {
    const spec = at(object, 'spec');
    if (live !== null) return object;
    const account = text(spec, 'serviceAccountName') || 'default';
    return {
      ...object,
      spec: over(spec, {
        serviceAccountName: account,
        serviceAccount: account,
        preemptionPolicy: 'PreemptLowerPriority',
        priority: 0,
        tolerations,
      }),
      status: { phase: 'Pending', qosClass: qualityOf(spec) },
    };
  },
};

/** The object with what the server gives it. @param address a free cluster IP, taken when asked for */
export function withGivings(kind: string, object: Json, live: Json | null, address: () => string): Json {
  return givings[kind]?.(object, live, address) ?? object;
}

/** An object's metadata with finalizers of admission. */
export function withFinalizers(object: Json, finalizers: readonly string[]): Json {
  const before = list(object, 'metadata', 'finalizers');
  const missing = finalizers.filter((each) => !before.includes(each));
  return missing.length === 0 ? object : put(object, ['metadata'], { finalizers: [...before, ...missing] });
}
