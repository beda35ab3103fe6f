/** Passwords: what Secrets ask for without a token, what keeps a rotation waiting, and what is noted when all agree. */
import { describe, expect, it } from 'vitest';
import type { CredentialsMemory, Facts } from '#machines/cluster/facts.ts';
import type { ObjectProjection, OperatorConfig, SecretDigest } from '#machines/cluster/observations.ts';
import {
  oldPods,
  rolesOf,
  rotationDue,
  rotationWaits,
  untoldLeader,
  withSettled,
  type Due,
} from '#machines/cluster/tables/credentials.ts';
import { conditionsOf } from '#machines/cluster/conditions.ts';
import { wants } from '#machines/cluster/wants.ts';
import { labels } from '#machines/shared/names.ts';
import {
  application,
  asked,
  holding,
  inForce,
  keyId,
  knowing,
  marked,
  newApplication,
  newSuperuser,
  old,
  people,
  says,
  secret,
  told,
  type Edit,
} from './secrets.ts';
import { gone, objectOf, desired, remembering, withObject } from './changes.ts';
import { plan } from './worlds.ts';

const newStandby = { [people]: { REPLICATION_PASSWORD: 'eeeeeeee' } };
const mark = 'aaaaaa-bbbbbb-cccccc-dddddd';
const settledWith = (change: Edit, key = keyId): Partial<CredentialsMemory> => ({
  settled: { keyId: key, values: { ...old, ...change } as SecretDigest['values'] },
});

describe('what Secrets ask for without a token', () => {
  it.each<readonly [string, Facts, Due | null]>([
    ['nothing while all agree', holding(), null],
    ['nothing before the cluster is made', remembering({ systemIdentifier: null })(holding(newSuperuser)), null],
    ['nothing while one of them is not there', gone(`Secret/${application}`)(holding(newSuperuser)), null],
    [
      'a new password of the superuser, with which every member starts anew',
      holding(newSuperuser),
      { because: says(people), mark: 'eeeeee-bbbbbb-cccccc-dddddd', restarts: true },
    ],
    [
      'a new password for replication, the same',
      holding(newStandby),
      { because: says(people), mark: 'aaaaaa-eeeeee-cccccc-dddddd', restarts: true },
    ],
    [
      'a new password of the application, which no member starts with',
      holding(newApplication),
      { because: says(application), mark: 'aaaaaa-bbbbbb-cccccc-ffffff', restarts: false },
    ],
    [
      'two Secrets that were edited',
      holding({ ...newSuperuser, ...newApplication }),
      { because: says(`${people} and ${application}`), mark: 'eeeeee-bbbbbb-cccccc-ffffff', restarts: true },
    ],
    [
      'two passwords in one Secret, named once',
      holding({ [people]: { REPLICATION_PASSWORD: 'eeeeeeee', RESTAPI_PASSWORD: 'eeeeeeee' } }),
      { because: says(people), mark: 'aaaaaa-eeeeee-eeeeee-dddddd', restarts: true },
    ],
    [
      'one password of two, the other of which follows from it and does not yet',
      holding({ [people]: { POSTGRES_PASSWORD: 'eeeeeeee' } }),
      { because: says(people), mark: 'eeeeee-bbbbbb-cccccc-dddddd', restarts: true },
    ],
    [
      'a PGPASSWORD that is not the password',
      holding({ [people]: { PGPASSWORD: 'eeeeeeee' } }),
      { because: says(people), mark, restarts: false },
    ],
    [
      'a password that was taken away',
      holding({ [people]: { RESTAPI_PASSWORD: undefined } }),
      { because: says(people), mark: 'aaaaaa-bbbbbb-dddddd', restarts: false },
    ],
    [
      'a password of the application that was taken away, with what follows from it',
      holding({ [application]: { password: undefined, 'uri/password': undefined } }),
      { because: says(application), mark: 'aaaaaa-bbbbbb-cccccc', restarts: false },
    ],
    [
      'a uri with another password',
      holding({ [application]: { 'uri/password': 'ffffffff' } }),
      { because: says(application), mark, restarts: false },
    ],
    [
      'pods that were made before',
      knowing(holding(), { revision: '2' }),
      {
        because: 'shop-0, shop-1 run with passwords that are not in force any more',
        mark: `${mark}-2`,
        restarts: true,
      },
    ],
    [
      'a pod that was made before',
      marked(knowing(holding(), { revision: '2' }), '2', ['shop-0']),
      { because: 'shop-1 runs with passwords that are not in force any more', mark: `${mark}-2`, restarts: true },
    ],
    [
      'a pod with a mark where there is none any more',
      marked(holding(), '1', ['shop-1']),
      { because: 'shop-1 runs with passwords that are not in force any more', mark, restarts: true },
    ],
    [
      'an edit, while pods bear the mark of what is in force',
      marked(knowing(holding(newApplication), { revision: '2' }), '2', ['shop-0', 'shop-1']),
      { because: says(application), mark: 'aaaaaa-bbbbbb-cccccc-ffffff', restarts: false },
    ],
    [
      'an edit that is what members run with, as they were seen to agree last',
      knowing(holding(newStandby), settledWith({ REPLICATION_PASSWORD: 'eeeeeeee' })),
      { because: says(people), mark: 'aaaaaa-eeeeee-cccccc-dddddd', restarts: false },
    ],
    [
      'an edit, where what was seen last is of another key and says nothing',
      knowing(holding(newStandby), settledWith({ REPLICATION_PASSWORD: 'eeeeeeee' }, 'another')),
      { because: says(people), mark: 'aaaaaa-eeeeee-cccccc-dddddd', restarts: true },
    ],
  ])('is %s', (_, facts, due) => expect(rotationDue(facts)).toEqual(due));

  it('names no pod that is not there, or of no member', () => {
    const facts = knowing(holding(), { revision: '2' });
    expect(oldPods(gone('Pod/shop-1')(facts))).toEqual(['shop-0']);
    expect(oldPods(withObject({ ...objectOf(facts, 'Pod/shop-1'), name: 'shop-7' })(facts))).toEqual([
      'shop-0',
      'shop-1',
    ]);
    expect(oldPods(marked(facts, '2', ['shop-0', 'shop-1']))).toEqual([]);
  });
});

describe('a rotation', () => {
  const digestless = { detail: { type: 'Secret', keys: [] } } as const;
  const otherKey = { detail: { type: 'Secret', keys: [], digest: { keyId: 'another', values: {} } } } as const;
  const change = (name: string, how: Partial<ObjectProjection>): Facts => withObject(secret(name, {}, how))(holding());

  it.each<readonly [string, Facts, string | null]>([
    ['nothing', holding(), null],
    ...[inForce, people, application].map(
      (name) => [`${name} to be there`, gone(`Secret/${name}`)(holding()), `Secret ${name} is not there`] as const,
    ),
    ['what is on its way out to be made anew', change(people, { deleting: true }), `Secret ${people} is not there`],
    [
      'a Secret of another cluster to go',
      change(application, { labels: { [labels.cluster]: 'other' } }),
      `Secret ${application} is not ours: it belongs to cluster other`,
    ],
    [
      'a Secret that bears no mark of ours to be taken',
      change(inForce, { labels: { [labels.cluster]: 'shop' } }),
      `Secret ${inForce} is not ours`,
    ],
    [
      'a key to compare with',
      change(people, digestless),
      'there is no key for digests of Secrets, so their values cannot be compared',
    ],
    ['what people read under the same key', change(people, otherKey), 'digests of Secrets are of different keys'],
    ['the application’s under the same key', change(application, otherKey), 'digests of Secrets are of different keys'],
  ])('waits for %s', (_, facts, because) => expect(rotationWaits(facts)).toBe(because));

  it('is of three roles, the last of them called as the spec says', () => {
    expect(rolesOf('app')).toEqual({
      POSTGRES_PASSWORD: 'postgres',
      REPLICATION_PASSWORD: 'standby',
      APPLICATION_PASSWORD: 'app',
    });
  });
});

describe('what a failover may have left behind', () => {
  const behind = (facts: Facts): Facts => told(facts, {}, { timeline: 0 });

  it.each<readonly [string, Facts, string | null]>([
    ['is told by who leads on another timeline', behind(holding()), 'shop-0'],
    ['is not while nobody writes', behind(holding({}, { leader: 'silent' })), null],
    ['is not where roles were never told', holding(), null],
    [
      'is not while something is asked for, which tells them anyhow',
      remembering({ request: asked })(behind(holding())),
      null,
    ],
    ['is not while a Secret is missing', gone(`Secret/${people}`)(behind(holding())), null],
    ['is not while a value is not in force', behind(holding(newSuperuser)), null],
  ])('%s', (_, facts, leader) => expect(untoldLeader(facts)).toBe(leader));
});

describe('what all Secrets agree on', () => {
  const agreed = { keyId, values: old };

  it.each<readonly [string, Facts, unknown]>([
    ['is noted', holding(), agreed],
    ['is noted in place of what was', knowing(holding(), settledWith({}, 'another')), agreed],
    ['is not before the cluster is made', remembering({ systemIdentifier: null })(holding()), null],
    ['is not while something is asked for', remembering({ request: asked })(holding()), null],
    ['is not while a value is not in force', holding(newSuperuser), null],
    ['is not while one of them is missing', gone(`Secret/${people}`)(holding()), null],
  ])('%s', (_, facts, settled) => expect(withSettled(facts).memory.credentials.settled).toEqual(settled));

  it('changes nothing once it is noted', () => {
    const facts = knowing(holding(), { settled: agreed });
    expect(withSettled(facts)).toBe(facts);
  });

  it('is noted beside what else is known of passwords', () => {
    const { revision, set } = withSettled(told(knowing(holding(), { revision: '3' }))).memory.credentials;
    expect({ revision, leader: set?.leader }).toEqual({ revision: '3', leader: 'shop-0' });
  });
});

describe('without a key of digests', () => {
  const settings: OperatorConfig = {
    images: {},
    imagePullPolicy: 'IfNotPresent',
    defaultDcs: 'Endpoints',
    createDeadlineSeconds: 600,
  };
  const configured =
    (config: Partial<OperatorConfig>) =>
    (facts: Facts): Facts => ({ ...facts, world: { ...facts.world, config: { ...settings, ...config } } });
  const without = configured({ noDigestKey: '403 Forbidden' });
  const wanted = {
    ...plan,
    objects: [inForce, people].map((name) => ({ ...desired('Secret', name), creation: 'C' as const })),
  };
  const made = (facts: Facts): readonly string[] =>
    wants({ state: 'Alive.Running', facts, plan: wanted }).flatMap(({ type, target }) =>
      type === 'CreateSecret' ? [target.name] : [],
    );
  const lost = gone(`Secret/${inForce}`, `Secret/${people}`)(holding());

  it('lost passwords in force are not made anew where roles have others, and everything else is', () => {
    expect(made(lost)).toEqual([inForce, people]);
    expect(made(configured({})(lost))).toEqual([inForce, people]);
    expect(made(without(lost))).toEqual([people]);
    expect(made(without(gone(`Secret/${inForce}`)(holding())))).toEqual([inForce]);
    const partly = holding({ [people]: { RESTAPI_PASSWORD: undefined } });
    expect(made(without(gone(`Secret/${inForce}`)(partly)))).toEqual([]);
    expect(made(without(remembering({ systemIdentifier: null })(lost)))).toEqual([inForce, people]);
  });

  it('people are told, and why', () => {
    const failing = (facts: Facts): string => {
      const { status, message } = conditionsOf({
        state: 'Alive.Running',
        facts,
        plan,
        specProblems: [],
      }).ReconcileFailing;
      return `${status} ${message}`;
    };
    expect(failing(without(holding()))).toBe(
      'True there is no key for digests of Secrets (403 Forbidden): passwords are not rotated, edits of Secrets are not followed, and lost passwords are not made anew; it is asked for again every minute',
    );
    expect(failing(configured({})(holding()))).toMatch(/^False /);
  });
});
