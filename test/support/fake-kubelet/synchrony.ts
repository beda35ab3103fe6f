/** Owns: what Patroni's leader would write onto its `-sync` object: who confirms commits, as its configuration asks. */
import { at, text, type Json, type Writer } from './api.ts';
import type { Member, ScopeState } from './patroni.ts';
import { put, type ScopeSettings } from './scope.ts';

/** Annotations of the object; empty where nobody has to confirm. */
export function syncKeys(
  dynamic: Json,
  { leader }: ScopeState,
  members: readonly Member[],
): Readonly<Record<string, string>> {
  if (dynamic['synchronous_mode'] !== true || leader === null) return {};
  const count = Number(dynamic['synchronous_node_count'] ?? 1);
  const replicas = members.filter(({ alive, name }) => alive && name !== leader).map(({ name }) => name);
  return { leader, sync_standby: replicas.toSorted().slice(0, count).join(',') };
}

/** The configuration on Patroni's object, as the API server shows it. */
export function dynamicOn(object: unknown): Json {
  const config = text(object, 'metadata', 'annotations', 'config');
  return config === '' ? {} : at({ config: JSON.parse(config) as unknown }, 'config');
}

/** Writes it. */
export async function writeSync(
  writer: Writer,
  settings: ScopeSettings,
  keys: Readonly<Record<string, string>>,
): Promise<void> {
  const annotations = { leader: keys['leader'] ?? null, sync_standby: keys['sync_standby'] || null };
  await put(writer, settings, `${settings.scope}-sync`, annotations, {});
}
