/**
 * Owns: an export that may be shown to strangers: names, addresses, images and what users wrote are replaced or left out, rows
 * are chained anew. What happened and why stays readable; it cannot be replayed, for names enter order and hashes. Pure.
 *
 * I1. A string is kept only after every known name in it was replaced; maps of the user's own keys are not kept at all.
 * I2. The same name has the same stand-in everywhere in one export.
 */
import { isObject } from '#machines/shared/json.ts';
import { labels, oneShots } from '#machines/shared/names.ts';
import { genesis, recordHash, type ClusterIdentity, type RecordRow } from '#src/journal/record.ts';
import { contentOf } from '#src/replay/redecide.ts';
import type { Standing } from '#src/replay/snapshot-text.ts';
import { settingOf } from '#src/resources/parameters/settings.ts';
import { foreignNames, shownForeign } from './redact-foreign.ts';
import { ourKeys, patroniKeys, shownChange, shownPath, tokenKeys, userTexts } from './redact-changes.ts';
import { makeNames, takenOut, type Names } from './redact-names.ts';

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

type Json = unknown;

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

/** Finalizers that are ours, or Kubernetes' own. */
const ourFinalizers = /^(?:postgres\.example\.com|kubernetes\.io|[\w.-]+\.kubernetes\.io)\/|^[A-Za-z]+$/;

function isOneShot(key: string): boolean {
  return oneShots.some((kind) => kind === key);
}

/** Maps in a spec whose keys are the user's too. */
const namedMaps: ReadonlySet<string> = new Set(['labels', 'annotations', 'nodeSelector', 'matchLabels']);

const majors = ['15', '16', '17', '18'];

/** A parameter that PostgreSQL does not know was thought of by somebody, and so was what stands before its dot. */
function learnParameter(name: string, names: Names): void {
  if (majors.some((major) => settingOf(major, name.toLowerCase()) !== null)) return;
  names.standIn('key', name);
  const dot = name.indexOf('.');
  if (dot > 0) names.standIn('key', name.slice(0, dot));
}

/** Every text of a spec that is not shown: it may stand in a sentence. */
function learnSpec(value: Json, names: Names): void {
  if (typeof value === 'string') names.standIn('word', value);
  else if (typeof value === 'object' && value !== null)
    for (const [key, each] of Object.entries(value)) {
      if (plainSpec.has(key)) continue;
      if (namedMaps.has(key) && isObject(each)) for (const name of Object.keys(each)) names.standIn('key', name);
      if (key === 'postgresqlParams' && isObject(each))
        for (const name of Object.keys(each)) learnParameter(name, names);
      learnSpec(each, names);
    }
}

/** Of a field that somebody changed or holds; sentences spell it with dots too. */
function learnPath(path: string, names: Names): void {
  names.instead(path, shownPath(path));
  const dotted = path.replace(/^\//, '').replaceAll('/', '.');
  names.instead(dotted, shownPath(dotted));
}

/** What users chose where only some of it is theirs; nothing where the key is another one. */
function learnText(key: string, value: string, names: Names): void {
  const kind = nameKeys[key];
  if (kind !== undefined) names.standIn(kind, value);
  else if (tokenKeys.has(key)) names.token(value);
  else if (key === 'changed') {
    names.instead(value, shownChange(value));
    learnPath(value.slice(0, Math.max(0, value.indexOf(': '))), names);
  } else if (key === 'path' || key === 'fields') learnPath(value, names);
  else if (key === 'because') learnTurn(value, names);
  else if (key === 'keys' && !secretKeys.test(value)) names.standIn('key', value);
  else if (key === 'finalizers' && !ourFinalizers.test(value)) names.standIn('finalizer', value);
}

/** Of `handled`: a token by what was asked for, and the database that was made with its owner. */
function learnHandled(handled: Json, names: Names): void {
  if (!isObject(handled)) return;
  for (const [key, value] of Object.entries(handled)) {
    if (typeof value !== 'string') continue;
    if (isOneShot(key)) names.token(value);
    else if (key === 'database') for (const name of value.split('/')) names.standIn('word', name);
  }
}

/** What somebody else said, as a whole and what it names: sentences quote it, and may cut it. */
function learnForeign(text: string, names: Names): void {
  // `ImagePullBackOff (image)`: the image has its own stand-in.
  if (/^\w+ \([^ ]*\)$/.test(text)) return;
  for (const name of foreignNames(text, names.cluster)) names.standIn('word', name);
  names.instead(text, shownForeign(text, names.cluster));
}

/** Outcomes whose `message` or `reason` is not ours. */
const told: Readonly<Record<string, string>> = {
  refused: 'message',
  transient: 'message',
  conflict: 'message',
  unknown: 'reason',
  SourceWentStale: 'because',
};

/** What Kubernetes, Patroni or anybody else said, wherever an object of ours holds it. */
function learnSaid(value: Readonly<Record<string, Json>>, names: Names): void {
  const { type, trouble, reason, message, status, noDigestKey } = value;
  const said = value[typeof type === 'string' ? (told[type] ?? '') : ''];
  // A condition is ours, and has a status.
  const warning = typeof reason === 'string' && status === undefined ? message : undefined;
  for (const each of [said, trouble, warning, noDigestKey]) if (typeof each === 'string') learnForeign(each, names);
}

/** Another cluster, whose turn it is or was: `… on team/other: …`, `… on team/other first`. */
function learnTurn(because: string, names: Names): void {
  const [whole = '', namespace = '', other = '', rest = ''] =
    / on ([^\s/]+)\/([^\s/:]+)(?: first$|: (.*)$)/s.exec(because) ?? [];
  if (whole === '') return;
  names.standIn('namespace', namespace);
  names.standIn('cluster', other);
  if (rest !== '') names.instead(rest, shownForeign(rest, other));
}

/** Keys of Secrets that are ours. */
const secretKeys = /^(?:[A-Z]+_?PASSWORD|dbname|host|password|port|uri|username|key)$/;

/** Learns names from a body or a standing, before any text of it is shown. */
function learnNames(value: Json, key: string, names: Names): void {
  if (Array.isArray(value)) for (const each of value) learnNames(each, key, names);
  else if (isObject(value) && key === 'spec') learnSpec(value, names);
  else if (key === 'handled') learnHandled(value, names);
  else if (isObject(value)) {
    learnSaid(value, names);
    for (const [name, each] of Object.entries(value)) learnNames(each, key === 'images' ? 'image' : name, names);
  } else if (typeof value === 'string') learnText(key, value, names);
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

/** Words of a token: names of members stay names of members. */
function redactedToken(token: string, names: Names): string {
  // A number is one of a generation, or says nothing.
  if (/^\d{1,4}$/.test(token)) return token;
  return token.replaceAll(/\S+/g, (word) => {
    const shown = names.replaced(word);
    return shown === word ? takenOut : shown;
  });
}

function redactedMap(map: Json, names: Names): Json {
  if (!isObject(map)) return map === null ? null : takenOut;
  return Object.fromEntries(
    Object.entries(map)
      .filter(([key]) => ourKeys.has(key))
      .map(([key, value]) => {
        if (userTexts.has(key) || typeof value !== 'string') return [key, takenOut];
        return [key, tokenKeys.has(key) ? redactedToken(value, names) : redactedValue(value, key, names)];
      }),
  );
}

function redactedHandled(handled: Json, names: Names): Json {
  if (!isObject(handled)) return handled;
  return Object.fromEntries(
    Object.entries(handled).map(([key, value]) => [
      key,
      isOneShot(key) && typeof value === 'string' ? redactedToken(value, names) : redactedValue(value, key, names),
    ]),
  );
}

/** Patroni's dynamic configuration: its switches and times stay, what PostgreSQL is told goes. */
function redactedConfig(config: Json): Json {
  if (!isObject(config)) return config === null ? null : takenOut;
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      patroniKeys.has(key) ? key : takenOut,
      typeof value === 'number' || typeof value === 'boolean' || value === null ? value : takenOut,
    ]),
  );
}

function redactedDcs(dcs: Json, names: Names): Json {
  if (!isObject(dcs)) return redactedValue(dcs, '', names);
  return Object.fromEntries(
    Object.entries(dcs).map(([key, value]) => [
      key,
      key === 'config' ? redactedConfig(value) : redactedValue(value, key, names),
    ]),
  );
}

const maps: ReadonlySet<string> = new Set(['labels', 'annotations', 'selector']);

/** Digests of a Secret's values, and settings that PostgreSQL told: their keys may be anybody's. */
const tables: ReadonlySet<string> = new Set(['values', 'result']);

/** The cluster's own name and namespace stand in these alone, also where they are found in no sentence. */
function redactedName(value: string, key: string, names: Names): string | null {
  if ((key === 'name' || key === labels.cluster) && value === names.cluster) return 'cluster-1';
  return key === 'namespace' && value === names.namespace ? 'namespace-1' : null;
}

/** Lengths at which sentences end, wherever that is: a name that is cut there is not found. */
const ends: ReadonlySet<number> = new Set([200, 1000, 1024, 4096]);

/** Longest quotation of a value in a sentence. */
const quoted = 130;

function withoutCut(text: string): string {
  return ends.has(text.length) ? `${text.slice(0, -quoted)}…` : text;
}

function redactedValue(value: Json, key: string, names: Names): Json {
  if (typeof value === 'string')
    return (
      redactedName(value, key, names) ??
      names.replaced(key === 'changed' ? shownChange(value) : key === 'fields' ? shownPath(value) : withoutCut(value))
    );
  if (Array.isArray(value)) return value.map((each) => redactedValue(each, key, names));
  if (!isObject(value)) return value;
  if (key === 'spec') return redactedSpec(value);
  if (key === 'handled') return redactedHandled(value, names);
  if (key === 'dcs') return redactedDcs(value, names);
  if (maps.has(key)) return redactedMap(value, names);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      tables.has(key) ? names.replaced(name) : name,
      redactedValue(each, name, names),
    ]),
  );
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

function learnRow({ kind, body }: RecordRow, blob: (hash: string) => string, names: Names): void {
  const read: Json = JSON.parse(body);
  if (contentOf(kind) === 'standing') learnNames(read, '', names);
  else if (isObject(read)) learnNames(inlined(read['observation'], blob), '', names);
}

function redactedBody(row: RecordRow, blob: (hash: string) => string, names: Names): string {
  // A base holds everything an actor knows; what it is for, replay, is not to be had here anyway.
  if (contentOf(row.kind) !== 'decision') return JSON.stringify({ redacted: takenOut });
  const body = JSON.parse(row.body) as Readonly<Record<string, Json>>;
  const observation = inlined(body['observation'], blob);
  return JSON.stringify({
    ...(redactedValue({ ...body, observation, intents: [] }, '', names) as object),
    intents: redactedValue(withoutRequests(body['intents'], blob, names), '', names),
  });
}

export interface Redactable {
  readonly cluster: ClusterIdentity;
  /** Those that are shown. */
  readonly rows: readonly RecordRow[];
  /** All that there are: a name may be introduced by a row that is not shown. */
  readonly all: readonly RecordRow[];
  /** How the cluster stood before all of them; null when that is not told, or nothing was before. */
  readonly from: Standing | null;
  /** The text of a blob that the rows mention. */
  readonly blob: (hash: string) => string;
}

export interface RedactedRows {
  readonly cluster: ClusterIdentity;
  /** Under their own numbers, chained anew from genesis. */
  readonly rows: readonly RecordRow[];
}

/** Rows of a cluster for strangers. */
export function redactRows({ cluster, rows, all, from, blob }: Redactable): RedactedRows {
  const names = makeNames(cluster);
  names.standIn('cluster', cluster.name);
  names.standIn('namespace', cluster.namespace);
  names.standIn('uid', cluster.uid);
  const shown: ClusterIdentity = { uid: 'uid-1', namespace: 'namespace-1', name: 'cluster-1' };
  let prev = genesis;
  // Names are learned from everything before any row is written: a row may tell of what is introduced later, or was before.
  learnNames(from, '', names);
  for (const row of all) learnRow(row, blob, names);
  const chained = rows.map((row): RecordRow => {
    const columns = { ...row, body: redactedBody(row, blob, names), prev };
    const { rowid, hash: _, ...chainedColumns } = columns;
    const hash = recordHash(shown.uid, chainedColumns);
    prev = hash;
    return { ...chainedColumns, rowid, hash };
  });
  return { cluster: shown, rows: chained };
}
