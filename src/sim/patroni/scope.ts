/**
 * Owns: what Patroni's members share: the settings of their scope and its objects on the API server, leader key and
 * configuration, in Endpoints or ConfigMaps.
 */
import { at, list, parsed, text, type Json } from '../json.ts';
import { namespaceOf, nameOf } from '../api/store.ts';
import type { Client } from '../controllers/client.ts';

export interface ScopeSettings {
  readonly namespace: string;
  readonly scope: string;
  readonly kind: 'Endpoints' | 'ConfigMap';
  /** On every object Patroni makes. */
  readonly labels: Json;
  readonly roleLabel: string;
  readonly leaderLabel: string;
  /** Dynamic configuration that a cluster begins with. */
  readonly bootstrap: Json;
  /** PostgreSQL's major; decides which Patroni speaks: 3.0 for 15, 4.0 for later ones. */
  readonly major: number;
}

/** Settings as Spilo reads them from a pod's environment; null when it is none of Patroni's. */
export function settingsOf(pod: unknown): ScopeSettings | null {
  const container = list(pod, 'spec', 'containers')[0];
  const env = new Map(list(container, 'env').map((each) => [text(each, 'name'), text(each, 'value')]));
  const scope = env.get('SCOPE');
  if (scope === undefined) return null;
  return {
    namespace: namespaceOf(pod),
    scope,
    kind: (env.get('KUBERNETES_USE_CONFIGMAPS') ?? '') === '' ? 'Endpoints' : 'ConfigMap',
    labels: {
      ...at(parsed(env.get('KUBERNETES_LABELS') ?? null)),
      [env.get('KUBERNETES_SCOPE_LABEL') ?? 'cluster-name']: scope,
    },
    roleLabel: env.get('KUBERNETES_ROLE_LABEL') ?? 'role',
    leaderLabel: env.get('KUBERNETES_LEADER_LABEL_VALUE') ?? 'primary',
    bootstrap: at(parsed(spiloConfiguration(env.get('SPILO_CONFIGURATION') ?? '')), 'bootstrap', 'dcs'),
    major: Number(env.get('PGVERSION') ?? '17'),
  };
}

/** The value after Kubernetes expanded it. */
function spiloConfiguration(given: string): string {
  return given.replaceAll('$(RESTAPI_PASSWORD)', '(password)').replaceAll('$$', '$');
}

export function leaderObject({ scope, kind }: ScopeSettings): string {
  return kind === 'Endpoints' ? scope : `${scope}-leader`;
}

function annotationsOf(object: unknown): Json {
  return at(object, 'metadata', 'annotations');
}

/** The leader key as it stands. */
export interface LeaderKey {
  readonly object: Json | null;
  readonly holder: string;
  readonly version: string;
}

export function readLeader(client: Client, settings: ScopeSettings): LeaderKey {
  const object = client.get(settings.kind, settings.namespace, leaderObject(settings));
  const version = text(object, 'metadata', 'resourceVersion');
  return { object, holder: text(annotationsOf(object), 'leader'), version };
}

export interface ScopeConfig {
  readonly object: Json | null;
  /** Null: nobody began. Empty: somebody is at it. */
  readonly initialize: string | null;
  readonly history: readonly unknown[];
  /** Patroni's dynamic configuration. */
  readonly dynamic: Json;
}

export function readConfig(client: Client, settings: ScopeSettings): ScopeConfig {
  const object = client.get(settings.kind, settings.namespace, `${settings.scope}-config`);
  const initialize = annotationsOf(object)['initialize'];
  const history = parsed(text(annotationsOf(object), 'history') || null);
  return {
    object,
    initialize: typeof initialize === 'string' ? initialize : null,
    history: Array.isArray(history) ? history : [],
    dynamic: at(parsed(text(annotationsOf(object), 'config') || null)),
  };
}

/** Writes annotations onto an object of the scope as it was read; false when somebody else was first. */
export function write(
  client: Client,
  settings: ScopeSettings,
  what: { readonly name: string; readonly live: Json | null; readonly annotations: Json; readonly rest?: Json },
): boolean {
  const { name, live, annotations, rest = {} } = what;
  const { namespace, labels, kind } = settings;
  if (live === null) {
    const set = Object.fromEntries(Object.entries(annotations).filter(([, value]) => value !== null));
    return client.create(kind, { metadata: { name, namespace, labels, annotations: set }, ...rest }) !== null;
  }
  const resourceVersion = at(live, 'metadata')['resourceVersion'];
  return client.patch(live, { metadata: { annotations, resourceVersion }, ...rest }) !== null;
}

/** What a leader writes beside its key in Endpoints mode: its own address, behind the Service of the same name. */
export function addressOf(settings: ScopeSettings, pod: Json): Json {
  if (settings.kind === 'ConfigMap') return {};
  const address = {
    ip: text(pod, 'status', 'podIP'),
    hostname: nameOf(pod),
    targetRef: { kind: 'Pod', name: nameOf(pod) },
  };
  return { subsets: [{ addresses: [address], ports: [{ name: 'postgresql', port: 5432, protocol: 'TCP' }] }] };
}
