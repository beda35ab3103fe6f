/**
 * Owns: what another hand changes on objects of running clusters, and how it is seen to be put back. Two changes of one object
 * follow each other on different clusters: an object that was just put back is left alone for ten seconds.
 */
export interface Drift {
  readonly what: string;
  readonly cluster: string;
  /** As the journal names it. */
  readonly object: string;
  /** Arguments of kubectl. */
  readonly change: readonly string[];
  /** A JSONPath, and what it gives once the change is undone. */
  readonly seen: string;
  readonly restored: string;
  /** The field, as the journal names what differed. */
  readonly differs: string;
}

const patch = (object: string, type: 'json' | 'merge', body: unknown): readonly string[] => [
  'patch',
  object,
  `--type=${type}`,
  '--patch',
  JSON.stringify(body),
];

const added = (path: string, value: unknown): unknown => [{ op: 'add', path, value }];

export const drifts: readonly Drift[] = [
  {
    what: 'a label taken off the headless Service',
    cluster: 'p17c',
    object: 'Service/p17c-headless',
    change: ['label', 'service/p17c-headless', 'app.kubernetes.io/managed-by-'],
    seen: '{.metadata.labels.app\\.kubernetes\\.io/managed-by}',
    restored: 'postgres-operator',
    differs: 'metadata.labels',
  },
  {
    what: 'a port added to a Service by hand',
    cluster: 'p17c',
    object: 'Service/p17c-repl',
    change: patch('service/p17c-repl', 'json', added('/spec/ports/-', { name: 'x', port: 9 })),
    seen: '{.spec.ports[*].port}',
    restored: '5432',
    differs: '/spec/ports/1',
  },
  {
    what: 'externalIPs added to a Service',
    cluster: 'p15c',
    object: 'Service/p15c-repl',
    change: patch('service/p15c-repl', 'merge', { spec: { externalIPs: ['198.18.255.1'] } }),
    seen: '{.spec.externalIPs}',
    restored: '',
    differs: '/spec/externalIPs',
  },
  {
    what: 'a selector added to the primary Service',
    cluster: 'p17c',
    object: 'Service/p17c',
    change: patch('service/p17c', 'merge', { spec: { selector: { x: 'y' } } }),
    seen: '{.spec.selector.x}',
    restored: '',
    differs: 'spec.selector',
  },
  {
    what: 'a sidecar added to the StatefulSet',
    cluster: 'p17c',
    object: 'StatefulSet/p17c',
    change: patch('statefulset/p17c', 'json', added('/spec/template/spec/containers/-', { name: 'side', image: 'x' })),
    seen: '{.spec.template.spec.containers[*].name}',
    restored: 'postgres',
    differs: '/spec/template/spec/containers/1',
  },
  {
    what: 'an env entry added to the StatefulSet',
    cluster: 'p17e',
    object: 'StatefulSet/p17e',
    change: ['set', 'env', 'statefulset/p17e', 'ROGUE=1'],
    seen: '{.spec.template.spec.containers[0].env[?(@.name=="ROGUE")].value}',
    restored: '',
    differs: '/spec/template/spec/containers/0/env',
  },
  {
    what: 'replicas of the StatefulSet changed by hand',
    cluster: 'p15c',
    object: 'StatefulSet/p15c',
    change: ['scale', 'statefulset/p15c', '--replicas=2'],
    seen: '{.spec.replicas}',
    restored: '1',
    differs: 'spec.replicas',
  },
  {
    what: 'a rule added to the Role',
    cluster: 'p17c',
    object: 'Role/p17c-patroni',
    change: patch(
      'role/p17c-patroni',
      'json',
      added('/rules/-', { apiGroups: [''], resources: ['events'], verbs: ['get'] }),
    ),
    seen: '{.rules[*].resources[*]}',
    restored: 'configmaps pods',
    differs: 'rules',
  },
  {
    what: 'text changed in the ConfigMap',
    cluster: 'p17c',
    object: 'ConfigMap/p17c-patroni-config',
    change: patch('configmap/p17c-patroni-config', 'merge', { data: { 'patroni.json': '{}', extra: 'x' } }),
    seen: '{.data.extra}',
    restored: '',
    differs: 'data[patroni.json]',
  },
];
