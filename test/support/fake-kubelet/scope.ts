/**
 * Owns: one Patroni scope before the API server: its leader and configuration objects, its pods' labels and annotations.
 * All state is in those objects, so that a new kubelet goes on where the last one ended.
 */
import { createHash } from 'node:crypto';
import { at, list, text, type Json, type Writer } from './api.ts';
import { round, type Member, type ScopeState, type Traits } from './patroni.ts';

/** What the environment of a member's container says about its scope. */
export interface ScopeSettings extends Traits {
  readonly namespace: string;
  readonly scope: string;
  readonly configMaps: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly roleLabel: string;
  /** Dynamic configuration that the cluster begins with, JSON. */
  readonly bootstrap: string;
}

function bootstrapOf(spiloConfiguration: string): string {
  const expanded = spiloConfiguration.replaceAll('$(RESTAPI_PASSWORD)', '').replaceAll('$$', '$');
  return JSON.stringify(expanded === '' ? {} : at(JSON.parse(expanded), 'bootstrap', 'dcs'));
}

/** Reads the settings from a pod, as Spilo would; null when it is none of Patroni's. */
export function settingsOf(pod: unknown): ScopeSettings | null {
  const container = list(pod, 'spec', 'containers')[0];
  const env = new Map(list(container, 'env').map((each) => [text(each, 'name'), text(each, 'value')]));
  const scope = env.get('SCOPE');
  if (scope === undefined) return null;
  return {
    namespace: text(pod, 'metadata', 'namespace'),
    scope,
    configMaps: (env.get('KUBERNETES_USE_CONFIGMAPS') ?? '') !== '',
    labels: {
      ...(JSON.parse(env.get('KUBERNETES_LABELS') ?? '{}') as Record<string, string>),
      [env.get('KUBERNETES_SCOPE_LABEL') ?? 'cluster-name']: scope,
    },
    roleLabel: env.get('KUBERNETES_ROLE_LABEL') ?? 'spilo-role',
    leaderLabel: env.get('KUBERNETES_LEADER_LABEL_VALUE') ?? 'master',
    bootstrap: bootstrapOf(env.get('SPILO_CONFIGURATION') ?? ''),
    major: Number(env.get('PGVERSION') ?? /(\d+)$/.exec(text(container, 'image'))?.[1] ?? '17'),
  };
}

/** A pod of the scope, with the object the API server last showed. */
export interface ScopePod extends Member {
  readonly object: unknown;
}

function folder({ namespace, configMaps }: ScopeSettings): string {
  return `/api/v1/namespaces/${namespace}/${configMaps ? 'configmaps' : 'endpoints'}`;
}

function leaderName({ scope, configMaps }: ScopeSettings): string {
  return configMaps ? `${scope}-leader` : scope;
}

function nextTimeline(history: string): number {
  return history === '' ? 1 : list({ history: JSON.parse(history) as unknown }, 'history').length + 1;
}

/** Reads where the scope stands from its objects. */
export async function readScope(writer: Writer, settings: ScopeSettings): Promise<ScopeState> {
  const annotations = async (name: string): Promise<Json> => {
    const answer = await writer.get(`${folder(settings)}/${name}`);
    return answer.type === 'ok' ? at(answer.body, 'metadata', 'annotations') : {};
  };
  const leader = await annotations(leaderName(settings));
  const config = await annotations(`${settings.scope}-config`);
  return {
    leader: text(leader, 'leader') || null,
    systemIdentifier: text(config, 'initialize') || null,
    timeline: nextTimeline(text(config, 'history')),
  };
}

/** Patroni's dynamic configuration as it stands. */
export async function readDynamic(writer: Writer, settings: ScopeSettings): Promise<Json> {
  const answer = await writer.get(`${folder(settings)}/${settings.scope}-config`);
  const config = answer.type === 'ok' ? text(answer.body, 'metadata', 'annotations', 'config') : '';
  return config === '' ? {} : at({ config: JSON.parse(config) as unknown }, 'config');
}

/** A data directory keeps its identifier: it follows the first member's claim. */
export function identifierOf(claimUid: string): string {
  return (BigInt(`0x${createHash('sha256').update(claimUid).digest('hex').slice(0, 15)}`) + 7n * 10n ** 18n).toString();
}

/** Writes annotations onto one of Patroni's objects, and makes it when it is not there. */
export async function put(
  writer: Writer,
  settings: ScopeSettings,
  name: string,
  annotations: Json,
  rest: Json,
): Promise<void> {
  const answer = await writer.merge(`${folder(settings)}/${name}`, { metadata: { annotations }, ...rest });
  if (answer.type !== 'refused' || answer.status !== 404) return;
  const { labels, namespace, configMaps } = settings;
  await writer.create(folder(settings), {
    apiVersion: 'v1',
    kind: configMaps ? 'ConfigMap' : 'Endpoints',
    metadata: { name, namespace, labels, annotations },
    ...rest,
  });
}

/** The leader's heartbeat: key, and in Endpoints mode the address behind the Service. */
export async function writeLeader(
  writer: Writer,
  settings: ScopeSettings,
  leader: { readonly name: string; readonly ip: string } | null,
  now: string,
): Promise<void> {
  const annotations = { leader: leader?.name ?? null, ttl: '30', renewTime: now, acquireTime: now, optime: '50331648' };
  const subsets =
    settings.configMaps || leader === null
      ? {}
      : {
          subsets: [
            {
              addresses: [{ ip: leader.ip, hostname: leader.name, targetRef: { kind: 'Pod', name: leader.name } }],
              ports: [{ name: 'postgresql', port: 5432, protocol: 'TCP' }],
            },
          ],
        };
  if (leader === null) await writer.merge(`${folder(settings)}/${leaderName(settings)}`, { metadata: { annotations } });
  else await put(writer, settings, leaderName(settings), annotations, subsets);
}

async function writeConfig(
  writer: Writer,
  settings: ScopeSettings,
  state: ScopeState,
  isFirst: boolean,
): Promise<void> {
  const history = Array.from({ length: state.timeline - 1 }, (_, index) => [
    index + 1,
    50_331_648,
    'no recovery target',
  ]);
  const annotations = {
    initialize: state.systemIdentifier,
    ...(isFirst ? { config: settings.bootstrap } : {}),
    history: JSON.stringify(history),
  };
  await put(writer, settings, `${settings.scope}-config`, annotations, {});
}

/** Brings pods and objects of a scope to what its members would have written. @returns the state afterwards */
export async function reconcileScope(
  writer: Writer,
  settings: ScopeSettings,
  standing: {
    readonly before: ScopeState;
    readonly pods: readonly ScopePod[];
    readonly identifier: string;
    readonly now: string;
    /** Who was asked for as the new leader; null when nobody was. */
    readonly candidate: string | null;
  },
): Promise<ScopeState> {
  const { before, pods, identifier, now, candidate } = standing;
  const { state, members } = round(
    { ...before, systemIdentifier: before.systemIdentifier ?? identifier },
    pods,
    settings,
    candidate,
  );
  const leader = pods.find(({ name }) => name === state.leader) ?? null;
  if (state.timeline !== before.timeline || before.systemIdentifier === null)
    await writeConfig(writer, settings, state, before.systemIdentifier === null);
  if (state.leader !== before.leader) await writeLeader(writer, settings, leader, now);
  if (candidate !== null)
    await writer.merge(`${folder(settings)}/${settings.scope}-failover`, {
      metadata: { annotations: { leader: null, member: null } },
    });
  for (const { name, role, status } of members) {
    const pod = pods.find((each) => each.name === name)?.object;
    const same =
      text(pod, 'metadata', 'annotations', 'status') === status &&
      text(pod, 'metadata', 'labels', settings.roleLabel) === role;
    const path = `/api/v1/namespaces/${settings.namespace}/pods/${name}`;
    if (!same)
      await writer.merge(path, { metadata: { annotations: { status }, labels: { [settings.roleLabel]: role } } });
  }
  return state;
}
