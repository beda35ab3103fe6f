/** Owns: what a member tells of itself: its report and its role's label, on its pod; and whether a pod is ready. */
import type { Client } from '../controllers/client.ts';
import { at, list, parsed, text, type Json } from '../json.ts';
import type { DataDirectory } from './data-directory.ts';
import type { ScopeSettings } from './scope.ts';

/** What a running member tells. */
export interface Account {
  readonly leads: boolean;
  readonly directory: DataDirectory;
  /** A replica has a connection to its leader. */
  readonly isStreaming: boolean;
  readonly isRestartPending: boolean;
  /** It is about to go, and is not to be relied on for confirming commits. */
  readonly isLeaving: boolean;
}

/** Of a PostgreSQL that runs. */
export function report(client: Client, settings: ScopeSettings, pod: Json | null, account: Account): void {
  if (pod === null) return;
  const { leads, directory, isStreaming, isRestartPending, isLeaving } = account;
  const since4 = settings.major > 15;
  const status = JSON.stringify({
    conn_url: `postgres://${text(pod, 'status', 'podIP')}:5432/postgres`,
    api_url: `http://${text(pod, 'status', 'podIP')}:8008/patroni`,
    state: 'running',
    role: leads ? (since4 ? 'primary' : 'master') : 'replica',
    version: since4 ? '4.0.4' : '3.0.2',
    xlog_location: directory.position,
    timeline: directory.timeline,
    ...(isRestartPending ? { pending_restart: true } : {}),
    ...(since4 && isStreaming ? { replication_state: 'streaming' } : {}),
    ...(isLeaving ? { tags: { nosync: true } } : {}),
  });
  const role = leads ? settings.leaderLabel : 'replica';
  const { annotations, labels } = at(pod, 'metadata');
  if (text(annotations, 'status') === status && text(labels, settings.roleLabel) === role) return;
  client.patch(pod, { metadata: { annotations: { status }, labels: { [settings.roleLabel]: role } } });
}

/** Of one that does not. */
export function reportDown(
  client: Client,
  settings: ScopeSettings,
  pod: Json | null,
  word: 'start failed' | 'creating replica',
): void {
  if (pod === null) return;
  const { annotations, labels } = at(pod, 'metadata');
  const before = at(parsed(text(annotations, 'status') || null));
  const { xlog_location: _position, timeline: _timeline, replication_state: _state, ...rest } = before;
  const status = JSON.stringify({ ...rest, state: word, role: word === 'start failed' ? 'demoted' : 'replica' });
  if (text(annotations, 'status') === status && !(settings.roleLabel in at(labels))) return;
  client.patch(pod, { metadata: { annotations: { status }, labels: { [settings.roleLabel]: null } } });
}

/** Whether a pod's conditions say that it is ready. */
export function isReady(pod: unknown): boolean {
  return list(pod, 'status', 'conditions').some(
    (each) => text(each, 'type') === 'Ready' && text(each, 'status') === 'True',
  );
}
