/** What roles were told stands in PostgreSQL alone: a failover may leave it behind, and then nobody is let in. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import type { ObjectProjection, SecretDigest } from '#machines/cluster/observations.ts';
import { memberKeys, refusedPassword } from '#machines/cluster/tables/credentials.ts';
import { wants } from '#machines/cluster/wants.ts';
import { finalizer, labels, objectNames } from '#machines/shared/names.ts';
import { calm, factsOf, plan } from './worlds.ts';

const names = objectNames('shop');
const keyId = '0badcafe';

function secret(name: string, values: SecretDigest['values']): ObjectProjection {
  return {
    kind: 'Secret',
    name,
    uid: `Secret-${name}`,
    generation: null,
    deleting: false,
    labels: { [labels.cluster]: 'shop', [labels.clusterUid]: 'u-1' },
    annotations: {},
    finalizers: [finalizer],
    owners: [],
    ownedHash: null,
    foreign: [],
    effect: null,
    detail: { type: 'Secret', keys: Object.keys(values), digest: { keyId, values } },
  };
}

const people = Object.fromEntries([...memberKeys, 'PGPASSWORD'].map((key) => [key, 'd1']));
const inForce = { ...Object.fromEntries(memberKeys.map((key) => [key, 'd1'])), APPLICATION_PASSWORD: 'd2' };

/** The calm world, whose roles were told on a timeline; `password` is what the application's Secret says. */
function told(timeline: number | null, password = 'd2'): Facts {
  const facts = factsOf(calm);
  const secrets = [
    secret(names.credentials, people),
    secret(names.credentialsInForce, inForce),
    secret(names.applicationSecret, { password, 'uri/password': password }),
  ];
  const added = Object.fromEntries(
    secrets.map((object) => [`Secret/${object.name}`, { object, since: 0, changed: [] }]),
  );
  const set = timeline === null ? null : { keyId, values: inForce, leader: 'shop-0', timeline };
  const credentials = { revision: null, settled: { keyId, values: inForce }, set };
  const world = { ...facts.world, objects: { ...facts.world.objects, ...added } };
  return { world, memory: { ...facts.memory, database: { timeline: 1 }, credentials } };
}

function tells(facts: Facts): readonly string[] {
  return wants({ state: 'Alive.Running', facts, plan })
    .filter(({ type }) => type === 'SetPasswords')
    .map(({ target, because }) => `${target.name}: ${because}`);
}

describe('roles after a failover', () => {
  it('are told again what was told on a timeline that may have been left behind', () => {
    expect(tells(told(0))).toEqual([
      'shop-0: shop-0 leads on timeline 1: whether what roles were told came along has to be seen to',
    ]);
  });

  it('are not where they were told on this timeline, or never were', () => {
    expect(tells(told(1))).toEqual([]);
    expect(tells(told(null))).toEqual([]);
  });

  it('are not while another password is published: the rotation tells that one', () => {
    expect(tells(told(0, 'd3'))).toEqual([]);
  });

  it('are not while the cluster is paused', () => {
    const { world, memory } = told(0);
    if (world.cluster === null) throw new Error('not the calm world');
    const seen = { ...world.cluster.seen, spec: { ...world.cluster.seen.spec, paused: true } };
    expect(tells({ memory, world: { ...world, cluster: { ...world.cluster, seen } } })).toEqual([]);
  });
});

describe('a password', () => {
  /** What is known when the effect that tells roles was refused. */
  function refusedFor(reason: string): Facts {
    const { world, memory } = told(0);
    const failure = { count: 1, reason, message: 'words', permanent: true, since: 0, waiting: true, needsRead: false };
    return { world, memory: { ...memory, failures: { 'Passwords/shop-0': failure } } };
  }

  it('is refused by what PostgreSQL or the executor says of it', () => {
    expect(refusedPassword(refusedFor('PasswordRefused'))).toBe('words');
  });

  it('is not by an API server that will not run the command: nobody is asked for another one', () => {
    expect(refusedPassword(refusedFor('Expired'))).toBeNull();
    expect(refusedPassword(refusedFor('Forbidden'))).toBeNull();
  });
});
