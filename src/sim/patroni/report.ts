/**
 * Owns: what a member tells of itself, on its pod: Patroni's words for its role and for what its PostgreSQL does, and the label
 * of its role; and whether a pod is ready. The words follow each other as recorded of a real one (`test/conformance`).
 */
import type { Client } from '../controllers/client.ts';
import { at, list, text, type Json } from '../json.ts';
import type { DataDirectory } from './data-directory.ts';
import type { ScopeSettings } from './scope.ts';

/** What PostgreSQL does, in Patroni's words. */
export type StateWord =
  | 'stopped'
  | 'initializing new cluster'
  | 'creating replica'
  | 'starting'
  | 'start failed'
  | 'crashed'
  | 'stopping'
  | 'running';

/** The role that Patroni sees it in: `primary` is spelt `master` before 4.0. */
export type RoleWord = 'uninitialized' | 'replica' | 'promoted' | 'primary' | 'demoted';

/** What a member shows. */
export interface Sight {
  readonly role: RoleWord;
  readonly state: StateWord;
  /** It holds the leader key, as far as it has read. */
  readonly holdsKey: boolean;
  readonly directory: DataDirectory;
  /** A replica has a connection to its leader. */
  readonly isStreaming: boolean;
  readonly isRestartPending: boolean;
  /** It is about to go, and is not to be relied on for confirming commits. */
  readonly isLeaving: boolean;
}

/** Who holds the key bears the leader's label, whatever its PostgreSQL does; of the others only a replica that runs bears one. */
function labelOf({ leaderLabel }: ScopeSettings, { role, state, holdsKey }: Sight): string | null {
  if (holdsKey) return leaderLabel;
  return state === 'running' && role === 'replica' ? 'replica' : null;
}

/** Writes it, if it is news. */
export function report(client: Client, settings: ScopeSettings, pod: Json | null, sight: Sight): void {
  if (pod === null) return;
  const { role, state, directory, isStreaming, isRestartPending, isLeaving } = sight;
  const since4 = settings.major > 15;
  const isRunning = state === 'running';
  const status = JSON.stringify({
    conn_url: `postgres://${text(pod, 'status', 'podIP')}:5432/postgres`,
    api_url: `http://${text(pod, 'status', 'podIP')}:8008/patroni`,
    state,
    role: role === 'primary' && !since4 ? 'master' : role,
    version: since4 ? '4.0.4' : '3.0.2',
    ...(isRunning ? { xlog_location: directory.position, timeline: directory.timeline } : {}),
    ...(isRestartPending ? { pending_restart: true } : {}),
    ...(since4 && isRunning && isStreaming ? { replication_state: 'streaming' } : {}),
    ...(isLeaving ? { tags: { nosync: true } } : {}),
  });
  const label = labelOf(settings, sight);
  const { annotations, labels } = at(pod, 'metadata');
  const had = text(labels, settings.roleLabel);
  if (text(annotations, 'status') === status && had === (label ?? '')) return;
  client.patch(pod, { metadata: { annotations: { status }, labels: { [settings.roleLabel]: label } } });
}

/** Whether a pod's conditions say that it is ready. */
export function isReady(pod: unknown): boolean {
  return list(pod, 'status', 'conditions').some(
    (each) => text(each, 'type') === 'Ready' && text(each, 'status') === 'True',
  );
}
