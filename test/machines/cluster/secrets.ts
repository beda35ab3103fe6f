/** Owns: the three Secrets of the calm cluster as digests, with what is edited in them, and what roles were told. */
import type { ActiveRequest, CredentialsMemory, Facts } from '#machines/cluster/facts.ts';
import type { ObjectProjection, SecretDigest } from '#machines/cluster/observations.ts';
import { annotations, labels } from '#machines/shared/names.ts';
import { changed, objectOf, remembering, requestOf, withObject } from './changes.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

export const keyId = '0badcafe';
export const inForce = 'shop-credentials-inforce';
export const people = 'shop-credentials';
export const application = 'shop-app';

/** Digests of what was in force before anything was edited. */
export const old = {
  POSTGRES_PASSWORD: 'aaaaaaaa',
  REPLICATION_PASSWORD: 'bbbbbbbb',
  RESTAPI_PASSWORD: 'cccccccc',
  APPLICATION_PASSWORD: 'dddddddd',
} as const;

/** Values of a Secret that are otherwise than before; undefined takes a key away. */
export type Edit = Readonly<Record<string, string | undefined>>;

const before: Readonly<Record<string, Edit>> = {
  [inForce]: old,
  [people]: { ...old, APPLICATION_PASSWORD: undefined, PGPASSWORD: old.POSTGRES_PASSWORD },
  [application]: { password: old.APPLICATION_PASSWORD, 'uri/password': old.APPLICATION_PASSWORD },
};

export function secret(name: string, edit: Edit, change: Partial<ObjectProjection> = {}): ObjectProjection {
  const present = Object.entries({ ...before[name], ...edit }).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, value]],
  );
  const digest = { keyId, values: Object.fromEntries(present) };
  return {
    kind: 'Secret',
    name,
    uid: `Secret-${name}`,
    generation: null,
    deleting: false,
    labels: { [labels.cluster]: 'shop', [labels.clusterUid]: 'u-1' },
    annotations: {},
    finalizers: [],
    owners: [],
    ownedHash: null,
    foreign: [],
    effect: null,
    detail: { type: 'Secret', keys: present.map(([key]) => key), digest },
    ...change,
  };
}

export function knowing(facts: Facts, change: Partial<CredentialsMemory>): Facts {
  return remembering({ credentials: { ...facts.memory.credentials, ...change } })(facts);
}

/** The calm world with its three Secrets, some of them edited. */
export function holding(edits: Readonly<Record<string, Edit>> = {}, choice: Partial<Choice> = {}): Facts {
  const facts = factsOf({ ...calm, ...choice });
  return [inForce, people, application].reduce((all, name) => withObject(secret(name, edits[name] ?? {}))(all), facts);
}

/** Pods of these members bear such a mark. */
export function marked(facts: Facts, revision: string, names: readonly string[]): Facts {
  return names.reduce((all, name) => {
    const had = objectOf(all, `Pod/${name}`).annotations;
    return changed(`Pod/${name}`, { annotations: { ...had, [annotations.credentials]: revision } })(all);
  }, facts);
}

export const newSuperuser = { [people]: { POSTGRES_PASSWORD: 'eeeeeeee', PGPASSWORD: 'eeeeeeee' } };
export const newApplication = { [application]: { password: 'ffffffff', 'uri/password': 'ffffffff' } };
export const says = (secrets: string): string => `Secret ${secrets} says what is not in force`;
export const asked = requestOf({ kind: 'rotate-credentials', token: 'now', members: ['shop-0', 'shop-1'] });
export const unasked: ActiveRequest = { ...asked, token: says(people), unasked: true };

/** Roles were told these, by whom and on which timeline. */
export function told(facts: Facts, values: Edit = {}, by: Partial<NonNullable<CredentialsMemory['set']>> = {}): Facts {
  const all = { ...old, ...values } as SecretDigest['values'];
  return knowing(facts, { set: { keyId, values: all, leader: 'shop-0', timeline: 1, ...by } });
}
