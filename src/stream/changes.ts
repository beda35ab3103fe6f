/**
 * Owns: the words for what differs between two sights of one object: `path: old → new`. A repair explains itself with them.
 * Never: a value of an environment variable (values under `env` are hidden), a value of a Secret (never handed in; digests say whether it is another).
 */
import { uriPassword } from '#machines/cluster/tables/credentials.ts';
import { isObject } from '#machines/shared/json.ts';
import type { SecretDigest } from '#machines/cluster/observations.ts';
import { recordOf } from './door/reading.ts';
import { insideEnvironment, spelled } from './fields.ts';
import type { Sight } from './items.ts';

/** Longest list of differences in one observation; the rest is in the object itself. */
export const changesMax = 16;
/** Longest value quoted. */
const valueLengthMax = 80;

function quoted(value: string | undefined): string {
  if (value === undefined) return '(absent)';
  return value.length > valueLengthMax ? `${value.slice(0, valueLengthMax - 1)}…` : value;
}

function flatten(value: unknown, path: string, into: Map<string, string>): void {
  if (Array.isArray(value)) {
    into.set(path, JSON.stringify(value));
    return;
  }
  if (!isObject(value)) {
    into.set(path, typeof value === 'string' ? value : JSON.stringify(value));
    return;
  }
  for (const [key, each] of Object.entries(value)) flatten(each, path === '' ? key : `${path}.${key}`, into);
}

/** The projection's leaves by dotted path, without identity and without what has better words elsewhere. */
function leaves(sight: Sight): ReadonlyMap<string, string> {
  const { generation, deleting, labels, annotations, finalizers, owners, detail } = sight.projection;
  const { type: _type, ...told } = detail;
  const { digest: _digest, ...rest } = { digest: undefined, ...told };
  const found = new Map<string, string>();
  flatten({ generation, deleting, labels, annotations, finalizers, owners, ...rest }, '', found);
  return found;
}

function ownedOf(text: string): Readonly<Record<string, unknown>> {
  const owned: unknown = JSON.parse(text);
  return recordOf(owned);
}

function told(path: string, value: unknown): string {
  if (typeof value !== 'string') return '(absent)';
  return insideEnvironment(path) ? '(hidden)' : quoted(value);
}

function ownedChanges(before: Sight, now: Sight): readonly string[] {
  if (before.owned === null || now.owned === null || before.owned === now.owned) return [];
  const old = ownedOf(before.owned);
  const present = ownedOf(now.owned);
  const paths = [...new Set([...Object.keys(old), ...Object.keys(present)])].sort();
  return paths.flatMap((path) => {
    const was = old[path];
    const is = present[path] ?? now.lost[path];
    return was === is ? [] : [`${spelled(path)}: ${told(path, was)} → ${told(path, is)}`];
  });
}

function foreignChanges(before: Sight, now: Sight): readonly string[] {
  const known = new Set(before.projection.foreign.map((each) => `${each.path} ${each.manager}`));
  return now.projection.foreign
    .filter((each) => !known.has(`${each.path} ${each.manager}`))
    .map((each) => `${each.path}: now held by ${each.manager}`);
}

function seenChanges(before: Sight, now: Sight): readonly string[] {
  const old = leaves(before);
  const present = leaves(now);
  const paths = [...new Set([...old.keys(), ...present.keys()])];
  return paths.flatMap((path) => {
    const was = old.get(path);
    const is = present.get(path);
    return was === is ? [] : [`${path}: ${quoted(was)} → ${quoted(is)}`];
  });
}

function digestOf({ projection: { detail } }: Sight): SecretDigest | undefined {
  return detail.type === 'Secret' ? detail.digest : undefined;
}

/** Whether values of a Secret are others; what two keys made cannot be compared, and is not taken for changed. */
function valueChanges(before: Sight, now: Sight): readonly string[] {
  const [was, is] = [digestOf(before), digestOf(now)];
  if (was?.keyId !== is?.keyId)
    return [
      `key of digests: ${was?.keyId ?? '(none)'} → ${is?.keyId ?? '(none)'}, so values cannot be compared with before`,
    ];
  if (was === undefined || is === undefined) return [];
  return Object.entries(is.values).flatMap(([key, value]) =>
    key === uriPassword || was.values[key] === undefined || was.values[key] === value
      ? []
      : [`data.${key}: its value was changed (not shown)`],
  );
}

/**
 * What differs, values of a Secret and the fields we own first, at most `changesMax` entries.
 * @param before the sight that the actor was last told
 * @param now a sight of the same uid
 */
export function changesBetween(before: Sight, now: Sight): readonly string[] {
  return [
    ...valueChanges(before, now),
    ...ownedChanges(before, now),
    ...foreignChanges(before, now),
    ...seenChanges(before, now),
  ].slice(0, changesMax);
}
