/**
 * P: passwords. Nothing is written into the Secret in force that PostgreSQL does not take at that moment; and at rest everybody
 * is let in: whoever reads what is published, and every member with what it was started with.
 */
import { annotations } from '#machines/shared/names.ts';
import { applicationKey, rolesOf } from '#machines/cluster/tables/credentials.ts';
import { at, stable, text, type Json } from '../json.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import { accepts, replicationRole, type DataDirectory } from '../patroni/data-directory.ts';
import type { World } from '../world.ts';
import type { Invariant } from './invariant.ts';

const inForce = /^(.*)-credentials-inforce$/;

/** Another one with every write of an operator. */
function effectOf(object: Json): string {
  return text(object, 'metadata', 'annotations', annotations.effect);
}

function decoded(secret: unknown, key: string): string | null {
  const value = at(secret, 'data')[key];
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : null;
}

/** The directory of who takes writes for a cluster; null when nobody does. */
function primaryOf(world: World, namespace: string, cluster: string): DataDirectory | null {
  const found = [...world.kubelets.members()].find(
    ([key, member]) => key.replace(/-\d+$/, '') === `${namespace}/${cluster}` && member.isWritable(),
  );
  return found?.[1].directory ?? null;
}

function ownerOf(world: World, namespace: string, cluster: string): string {
  return text(world.user.get('PostgresCluster', namespace, cluster), 'spec', 'database', 'owner') || 'app';
}

/** Keys of the Secret in force whose value no role takes. */
function refused(directory: DataDirectory, owner: string, valueOf: (key: string) => string | null): readonly string[] {
  return Object.entries(rolesOf(owner))
    .filter(([key, role]) => {
      const value = valueOf(key);
      return value !== null && directory.roles.has(role) && !accepts(directory, role, value);
    })
    .map(([key]) => key);
}

function loginsAtRest(world: World, cluster: Json): readonly string[] {
  const [namespace, name] = [namespaceOf(cluster), nameOf(cluster)];
  const primary = primaryOf(world, namespace, name);
  if (primary === null || text(cluster, 'status', 'phase') !== 'Running') return [];
  const secret = (end: string): Json | null => world.user.get('Secret', namespace, `${name}-${end}`);
  const owner = ownerOf(world, namespace, name);
  const published = (key: string): string | null =>
    key === applicationKey ? decoded(secret('app'), 'password') : decoded(secret('credentials'), key);
  const uri = decoded(secret('app'), 'uri');
  const members = [...world.kubelets.members()].filter(([key]) => key.startsWith(`${namespace}/${name}-`));
  return [
    ...refused(primary, owner, published).map((key) => `published ${key} is refused`),
    ...refused(primary, owner, (key) => decoded(secret('credentials-inforce'), key)).map(
      (key) => `${key} in force is refused`,
    ),
    ...(uri === null || accepts(primary, owner, decodeURIComponent(new URL(uri).password))
      ? []
      : ['the password in the uri is refused']),
    ...members
      .filter(([, { passwords }]) => !accepts(primary, replicationRole, passwords.replication))
      .map(([key]) => `${key} cannot replicate`),
    ...members
      .filter(([, { passwords }]) => !accepts(primary, 'postgres', passwords.superuser))
      .map(([key]) => `${key} runs with another superuser’s password`),
  ];
}

export const passwords: Invariant = {
  name: 'P',
  says: 'a password in force is one that PostgreSQL takes',
  watch: (world, tell) => {
    world.api.store.onChange(({ kind, object, before }) => {
      const [, cluster] = inForce.exec(nameOf(object)) ?? [];
      if (kind.kind !== 'Secret' || cluster === undefined || before === null || uidOf(before) !== uidOf(object)) return;
      const isOperators = effectOf(before) !== effectOf(object);
      if (!isOperators || stable(at(before, 'data')) === stable(at(object, 'data'))) return;
      const namespace = namespaceOf(object);
      const primary = primaryOf(world, namespace, cluster);
      if (primary === null) return;
      const wrong = refused(primary, ownerOf(world, namespace, cluster), (key) => decoded(object, key));
      if (wrong.length > 0) tell(`${wrong.join(', ')} of ${nameOf(object)} is in force, and PostgreSQL refuses it`);
    });
    return {
      atEnd: () => {
        for (const cluster of world.user.list('PostgresCluster', null))
          for (const because of loginsAtRest(world, cluster)) tell(`${nameOf(cluster)}: ${because}`);
      },
    };
  },
};
