/**
 * Owns: what is asked of Patroni as complete requests. Configuration and switchover go through Patroni's own objects on
 * the API server, where preconditions stop whoever is late; the rest has no such place and goes through the member's REST
 * API: a restart does nothing unless one is pending, or PostgreSQL still runs since the time that was read before.
 */
import { labels, labelValues } from '#machines/shared/names.ts';
import type { Intent } from '#machines/cluster/intents.ts';
import { resourcePath } from './paths.ts';
import type { CommandRequest, PatroniRequest, SqlRequest } from './record.ts';
import { api, lookUp, merge, type JsonObject, type RenderContext, type Rendered } from './requests.ts';

const container = 'postgres';

function place(context: RenderContext, pod: string): { namespace: string; pod: string; container: string } {
  return { namespace: context.facts.world.cluster?.seen.namespace ?? '', pod, container };
}

/** The whole dynamic configuration, onto the object as it was read. */
export function patroniConfig(
  context: RenderContext,
  intent: Extract<Intent, { type: 'PatchPatroniConfig' }>,
): Rendered | null {
  return merge(context, intent, { annotations: { config: JSON.stringify(intent.config) } });
}

/** The labels by which Patroni finds its objects. */
function scopeLabels(cluster: string): Readonly<Record<string, string>> {
  return {
    [labels.managedBy]: labelValues.managedBy,
    [labels.name]: labelValues.name,
    [labels.component]: labelValues.database,
    [labels.cluster]: cluster,
  };
}

/** Leader and successor, on Patroni's object for that; made if Patroni never needed it. */
export function switchover(
  context: RenderContext,
  intent: Extract<Intent, { type: 'RequestSwitchover' }>,
): Rendered | null {
  const { target, uid, leader, candidate } = intent;
  const annotations = { leader, member: candidate };
  if (uid !== null) return merge(context, { target, uid }, { annotations });
  const cluster = context.facts.world.cluster?.seen;
  const metadata = { name: target.name, labels: scopeLabels(cluster?.name ?? ''), annotations };
  const request = api({
    method: 'POST',
    path: resourcePath(target.kind, cluster?.namespace ?? '', null),
    query: {},
    contentType: 'application/json',
    body: JSON.stringify({ apiVersion: 'v1', kind: target.kind, metadata }),
  });
  return { request, reads: [] };
}

type OnMember = 'RestartPostgres' | 'ReloadPostgres' | 'ReinitializeMember';

/** What each of them asks of Patroni's REST API. */
const asks: Readonly<
  Record<OnMember, (started: string | null) => { readonly path: string; readonly body: JsonObject }>
> = {
  RestartPostgres: (started) => ({
    path: '/restart',
    body: started === null ? { restart_pending: true, timeout: 120 } : { timeout: 120 },
  }),
  ReloadPostgres: () => ({ path: '/reload', body: {} }),
  ReinitializeMember: () => ({ path: '/reinitialize', body: { force: true } }),
};

/** A restart, a reload or a new copy of the data, by Patroni in the member itself. */
export function onMember(context: RenderContext, intent: Extract<Intent, { type: OnMember }>): Rendered | null {
  const read = lookUp(context, intent);
  if (read === null) return null;
  const started = 'started' in intent ? intent.started : null;
  const { path, body } = asks[intent.type](started);
  const request: PatroniRequest = {
    type: 'patroni',
    ...place(context, intent.target.name),
    method: 'POST',
    path,
    body: JSON.stringify(body),
    started,
  };
  return { request, reads: [read] };
}

/** One question to pg_settings. */
export function settings(
  context: RenderContext,
  intent: Extract<Intent, { type: 'VerifyParameters' }>,
): Rendered | null {
  const request: SqlRequest = {
    type: 'sql',
    ...place(context, intent.target.name),
    procedure: 'read-settings',
    arguments: { names: intent.names.join(',') },
    secret: null,
  };
  return { request, reads: [] };
}

/** How much room the volume of a member has left. */
export function room(context: RenderContext, intent: Extract<Intent, { type: 'MeasureVolume' }>): Rendered | null {
  const request: CommandRequest = {
    type: 'command',
    ...place(context, intent.target.name),
    procedure: 'measure-volume',
  };
  return { request, reads: [] };
}
