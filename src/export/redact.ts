/**
 * Owns: an export that may be shown to strangers: names, addresses, images and what users wrote are replaced or left out, rows
 * are chained anew. What happened and why stays readable; it cannot be replayed, for names enter order and hashes. Pure.
 *
 * I1. A string is kept only after every known name in it was replaced; maps of the user's own keys are not kept at all.
 * I2. The same name has the same stand-in everywhere in one export.
 */
import { isObject } from '#machines/shared/json.ts';
import { genesis, recordHash, type ClusterIdentity, type RecordRow } from '#src/journal/record.ts';
import { contentOf } from '#src/replay/redecide.ts';

/** Stands where something was taken out. */
const takenOut = '(redacted)';

/** Fields of a spec whose values say nothing about whose it is. */
const plainSpec: ReadonlySet<string> = new Set([
  'version',
  'replicas',
  'storage',
  'size',
  'dcs',
  'mode',
  'paused',
  'deletionProtection',
  'volumePolicy',
  'maxDisruption',
  'synchronous',
]);

/** Keys of maps that are ours or Kubernetes' own, not the user's. */
const ourKeys = /^(postgres\.example\.com|app\.kubernetes\.io)\/|^spilo-role$/;
const addresses = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}\b/gi;

type Json = unknown;

/** Names found so far and what stands for them. */
interface Names {
  readonly standIn: (kind: string, name: string) => void;
  readonly replaced: (text: string) => string;
}

function makeNames(): Names {
  const known = new Map<string, string>();
  const counts = new Map<string, number>();
  let pattern: RegExp | null = null;
  const standIn = (kind: string, name: string): string => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    const made = `${kind}-${count}`;
    known.set(name, made);
    pattern = null;
    return made;
  };
  return {
    standIn: (kind, name) => {
      // A name of one or two letters, or a word of the product itself, would take the sense out of every sentence.
      if (name.length > 2 && name !== 'app') standIn(kind, name);
    },
    replaced: (text) => {
      pattern ??= new RegExp(
        `(?<![A-Za-z0-9])(?:${[...known.keys()]
          .toSorted((left, right) => right.length - left.length)
          .map((name) => name.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
          .join('|')})(?![A-Za-z0-9])`,
        'g',
      );
      const named = known.size === 0 ? text : text.replaceAll(pattern, (name) => known.get(name) ?? takenOut);
      return named.replaceAll(addresses, (address) => standIn('address', address));
    },
  };
}

/** Values at these keys are names of somebody's. */
const nameKeys: Readonly<Record<string, string>> = {
  node: 'node',
  ip: 'address',
  image: 'image',
  storageClass: 'class',
  owner: 'role',
  database: 'database',
  manager: 'manager',
  systemIdentifier: 'system',
  uid: 'uid',
};

/** Every text of a spec that is not shown: it may stand in a sentence. */
function learnSpec(value: Json, names: Names): void {
  if (typeof value === 'string') names.standIn('word', value);
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value)) if (!plainSpec.has(key)) learnSpec(each, names);
}

/** Learns names from a body, before any text of it is shown. */
function learnNames(value: Json, key: string, names: Names): void {
  if (Array.isArray(value)) for (const each of value) learnNames(each, key, names);
  else if (isObject(value) && key === 'spec') learnSpec(value, names);
  else if (isObject(value))
    for (const [name, each] of Object.entries(value)) learnNames(each, key === 'images' ? 'image' : name, names);
  else if (typeof value === 'string' && nameKeys[key] !== undefined) names.standIn(nameKeys[key], value);
}

function redactedSpec(spec: Json): Json {
  if (!isObject(spec)) return takenOut;
  return Object.fromEntries(
    Object.entries(spec).map(([key, value]) => {
      if (!plainSpec.has(key)) return [key, takenOut];
      return [key, isObject(value) ? redactedSpec(value) : value];
    }),
  );
}

function redactedMap(map: Json, names: Names): Json {
  if (!isObject(map)) return map === null ? null : takenOut;
  return Object.fromEntries(
    Object.entries(map)
      .filter(([key]) => ourKeys.test(key))
      .map(([key, value]) => [key, key.endsWith('/accepted-spec') ? takenOut : redactedValue(value, key, names)]),
  );
}

function redactedValue(value: Json, key: string, names: Names): Json {
  if (typeof value === 'string') return names.replaced(value);
  if (Array.isArray(value)) return value.map((each) => redactedValue(each, key, names));
  if (!isObject(value)) return value;
  if (key === 'spec') return redactedSpec(value);
  if (key === 'labels' || key === 'annotations' || key === 'selector') return redactedMap(value, names);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, redactedValue(each, name, names)]));
}

/** A request says where it went; what it said is kept of the status alone, whose words are the operator's. */
function withoutRequests(intents: Json, blob: (hash: string) => string, names: Names): Json {
  if (!Array.isArray(intents)) return intents;
  return intents.map((intent: Json) => {
    if (!isObject(intent) || !isObject(intent['request'])) return intent;
    const { request } = intent;
    if (request['type'] !== 'api')
      return {
        ...intent,
        request: { type: request['type'] === 'command' ? 'command' : 'sql', procedure: request['procedure'] },
      };
    const reference = request['body'];
    const told =
      intent['type'] === 'PublishStatus' && isObject(reference) && typeof reference['$blob'] === 'string'
        ? JSON.stringify(redactedValue(JSON.parse(blob(reference['$blob'])), '', names))
        : null;
    return { ...intent, request: { ...request, body: told, generated: [] } };
  });
}

function inlined(value: Json, blob: (hash: string) => string): Json {
  return isObject(value) && typeof value['$blob'] === 'string' ? JSON.parse(blob(value['$blob'])) : value;
}

function redactedBody(row: RecordRow, blob: (hash: string) => string, names: Names): string {
  // A base holds everything an actor knows; what it is for, replay, is not to be had here anyway.
  if (contentOf(row.kind) !== 'decision') return JSON.stringify({ redacted: takenOut });
  const body = JSON.parse(row.body) as Readonly<Record<string, Json>>;
  const observation = inlined(body['observation'], blob);
  learnNames(observation, '', names);
  return JSON.stringify({
    ...(redactedValue({ ...body, observation, intents: [] }, '', names) as object),
    intents: redactedValue(withoutRequests(body['intents'], blob, names), '', names),
  });
}

export interface RedactedRows {
  readonly cluster: ClusterIdentity;
  /** Under their own numbers, chained anew from genesis. */
  readonly rows: readonly RecordRow[];
}

/** Rows of a cluster for strangers. @param blob the text of a blob that the rows mention */
export function redactRows(
  cluster: ClusterIdentity,
  rows: readonly RecordRow[],
  blob: (hash: string) => string,
): RedactedRows {
  const names = makeNames();
  names.standIn('cluster', cluster.name);
  names.standIn('namespace', cluster.namespace);
  names.standIn('uid', cluster.uid);
  const shown: ClusterIdentity = { uid: 'uid-1', namespace: 'namespace-1', name: 'cluster-1' };
  let prev = genesis;
  // Names are learned from all rows before any is written: a row may tell of what is introduced later.
  for (const row of rows) redactedBody(row, blob, names);
  const chained = rows.map((row): RecordRow => {
    const columns = { ...row, body: redactedBody(row, blob, names), prev };
    const { rowid, hash: _, ...chainedColumns } = columns;
    const hash = recordHash(shown.uid, chainedColumns);
    prev = hash;
    return { ...chainedColumns, rowid, hash };
  });
  return { cluster: shown, rows: chained };
}
