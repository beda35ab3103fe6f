/**
 * Owns: strategic merge patches, as kubectl sends them for built-in kinds: lists of objects merge by a key, and directives
 * delete, replace and order. Pure. The order of lists is not taken over; nothing here depends on it.
 */
import { at, isJson, stable, text } from '../json.ts';

/** Keys that lists of objects merge by, by the name of their field; other lists are one value. */
const keys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  secrets: ['name'],
  volumeMounts: ['mountPath'],
  ports: ['port', 'containerPort'],
  conditions: ['type'],
  ownerReferences: ['uid'],
  topologySpreadConstraints: ['topologyKey'],
};

/** Lists of plain values that are joined. */
const sets: ReadonlySet<string> = new Set(['finalizers']);

function keyOf(item: unknown, field: string): string | null {
  const key = (keys[field] ?? []).find((each) => each in at(item));
  return key === undefined ? null : stable(at(item)[key]);
}

function mergedList(field: string, live: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  if (sets.has(field)) return [...live, ...patch.filter((each) => !live.some((item) => stable(item) === stable(each)))];
  if (patch.some((item) => text(item, '$patch') === 'replace'))
    return patch.filter((item) => text(item, '$patch') === '');
  if (patch.some((item) => keyOf(item, field) === null)) return patch;
  const changes = new Map(patch.map((item) => [keyOf(item, field), item]));
  const kept = live.flatMap((item) => {
    const key = keyOf(item, field);
    const change = changes.get(key);
    changes.delete(key);
    if (change === undefined) return [item];
    return text(change, '$patch') === 'delete' ? [] : [strategicMerged(item, change)];
  });
  return [...kept, ...[...changes.values()].filter((item) => text(item, '$patch') !== 'delete')];
}

/** The value with a strategic merge patch done to it. */
export function strategicMerged(live: unknown, patch: unknown): unknown {
  if (!isJson(patch)) return patch;
  const { $patch: directive, $retainKeys: retained, ...changes } = patch;
  if (directive === 'replace') return changes;
  const result: Record<string, unknown> = isJson(live) ? { ...live } : {};
  if (Array.isArray(retained)) for (const key of Object.keys(result)) if (!retained.includes(key)) delete result[key];
  for (const [key, change] of Object.entries(changes)) {
    const before = result[key];
    if (key.startsWith('$setElementOrder/')) continue;
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const field = key.slice(key.indexOf('/') + 1);
      const gone = Array.isArray(change) ? change.map(stable) : [];
      if (Array.isArray(result[field])) result[field] = result[field].filter((item) => !gone.includes(stable(item)));
    } else if (change === null || text(change, '$patch') === 'delete') delete result[key];
    else if (Array.isArray(change)) result[key] = mergedList(key, Array.isArray(before) ? before : [], change);
    else result[key] = strategicMerged(before, change);
  }
  return result;
}
