/** A rotation of passwords step by step: new values, what roles are told, what is in force, what follows; and when it is over. */
import { describe, expect, it } from 'vitest';
import type { ActiveRequest, Facts } from '#machines/cluster/facts.ts';
import { leaderOf, membersOf } from '#machines/cluster/members.ts';
import type { SecretDigest } from '#machines/cluster/observations.ts';
import { credentialsStep, isRotated } from '#machines/cluster/tables/credentials.ts';
import type { RolloutStep } from '#machines/cluster/tables/step.ts';
import { annotations } from '#machines/shared/names.ts';
import {
  application,
  asked,
  holding,
  inForce,
  keyId,
  marked,
  newApplication,
  newSuperuser,
  old,
  people,
  says,
  told,
  unasked,
  type Edit,
} from './secrets.ts';
import { changed, gone, remembering } from './changes.ts';
import { plan } from './worlds.ts';

/** New values for the token stand in the Secrets that people read. */
function made(facts: Facts, names: readonly string[] = [people, application], token = 'now'): Facts {
  return names.reduce((all, name) => {
    return changed(`Secret/${name}`, { annotations: { [annotations.rotated]: token } })(all);
  }, facts);
}

function stepOn(facts: Facts, request: ActiveRequest | null): RolloutStep | null {
  const now = remembering({ request })(facts);
  return credentialsStep({ facts: now, plan, members: membersOf(now), leader: leaderOf(now).name ?? '' });
}

const newValues = { POSTGRES_PASSWORD: 'eeeeeeee' };
const seenWith = (change: Edit): SecretDigest => ({ keyId, values: { ...old, ...change } as SecretDigest['values'] });
const generate = (secretName: string): unknown => ({ secret: secretName, write: { type: 'generate', token: 'now' } });

function sends(act: unknown, because: string, awaited: string | null = null): unknown {
  return { stage: 'configuring', act, because, awaited };
}

describe('the step of a rotation', () => {
  const words = 'rotate-credentials "now"';
  const tells = { type: 'passwords', leader: 'shop-0', owner: 'app' };
  const half = { [people]: newValues };

  it.each<readonly [string, Facts, ActiveRequest | null, unknown]>([
    ['none when nothing is asked for', holding(newSuperuser), null, null],
    ['none when something else is', holding(newSuperuser), { ...asked, kind: 'restart' }, null],
    [
      'to wait for a Secret that is not there',
      gone(`Secret/${people}`)(holding()),
      asked,
      sends({ type: 'none' }, `Secret ${people} is not there`),
    ],
    [
      'new values for a token, in both Secrets that people read',
      holding(),
      asked,
      sends({ type: 'secrets', writes: [generate(people), generate(application)] }, `${words}: new passwords`),
    ],
    [
      'new values where they are not made yet',
      made(holding(), [people]),
      asked,
      sends({ type: 'secrets', writes: [generate(application)] }, `${words}: new passwords`),
    ],
    [
      'new values where those of another token stand',
      made(made(holding(), [people], 'before'), [application]),
      asked,
      sends({ type: 'secrets', writes: [generate(people)] }, `${words}: new passwords`),
    ],
    [
      'to tell roles once they are made',
      made(holding(newSuperuser)),
      asked,
      sends(tells, `${words}: roles have to be told`, 'shop-0'),
    ],
    [
      'to tell roles what was edited: nothing is made for that',
      holding(newSuperuser),
      unasked,
      sends(tells, `${says(people)}: roles have to be told`, 'shop-0'),
    ],
    ...(
      [
        ['told otherwise', told(holding(newSuperuser))],
        ['told by somebody else', told(holding(newSuperuser), newValues, { leader: 'shop-1' })],
        ['told on another timeline', told(holding(newSuperuser), newValues, { timeline: 2 })],
        ['told what is known under another key', told(holding(newSuperuser), newValues, { keyId: 'another' })],
      ] as const
    ).map(
      ([how, facts]) =>
        [
          `to tell roles that were ${how}`,
          facts,
          unasked,
          sends(tells, `${says(people)}: roles have to be told`, 'shop-0'),
        ] as const,
    ),
    [
      'to put in force what roles were told',
      told(holding(newSuperuser), newValues),
      unasked,
      sends(
        {
          type: 'secrets',
          writes: [{ secret: inForce, write: { type: 'enforce', renews: true, seen: seenWith(newValues) } }],
        },
        `${says(people)}: roles were told, what they were told is in force`,
      ),
    ],
    [
      'to put in force what no member starts with',
      told(holding(newApplication), { APPLICATION_PASSWORD: 'ffffffff' }),
      unasked,
      sends(
        {
          type: 'secrets',
          writes: [
            {
              secret: inForce,
              write: { type: 'enforce', renews: false, seen: seenWith({ APPLICATION_PASSWORD: 'ffffffff' }) },
            },
          ],
        },
        `${says(people)}: roles were told, what they were told is in force`,
      ),
    ],
    [
      'to put right what follows from a password',
      told(holding({ ...half, [inForce]: newValues, [application]: { 'uri/password': 'x' } }), newValues),
      unasked,
      sends(
        {
          type: 'secrets',
          writes: [people, application].map((name) => ({
            secret: name,
            write: { type: 'complete', seen: seenWith(newValues) },
          })),
        },
        `${says(people)}: what follows from passwords`,
      ),
    ],
    ['none when all say the same', told(holding()), unasked, null],
    [
      'to put right a Secret that lacks a password, of which no role has to be told',
      told(holding({ [people]: { POSTGRES_PASSWORD: undefined, PGPASSWORD: undefined } }), { POSTGRES_PASSWORD: 'x' }),
      unasked,
      sends(
        {
          type: 'secrets',
          writes: [
            {
              secret: people,
              write: { type: 'complete', seen: { keyId, values: { ...old, POSTGRES_PASSWORD: undefined } } },
            },
          ],
        },
        `${says(people)}: what follows from passwords`,
      ),
    ],
  ])('is %s', (_, facts, request, step) => expect(stepOn(facts, request)).toEqual(step));
});

describe('the end of a rotation', () => {
  it.each<readonly [string, Facts, ActiveRequest, boolean]>([
    ['has come when all say the same and everybody runs', told(holding()), unasked, true],
    ['has come when the values of the token are what all say', made(told(holding())), asked, true],
    ['has not while the values of the token are not made', told(holding()), asked, false],
    ['has not while a Secret is missing', gone(`Secret/${people}`)(told(holding())), unasked, false],
    ['has not while a value is not in force', told(holding(newSuperuser), newValues), unasked, false],
    ['has not while a uri is behind', told(holding({ [application]: { 'uri/password': 'x' } })), unasked, false],
    ['has not while roles were not told', holding(), unasked, false],
    ['has not where somebody else leads who was not told', told(holding(), {}, { leader: 'shop-1' }), unasked, false],
    ['has not while a pod is an old one', marked(told(holding()), '1', ['shop-1']), unasked, false],
    ['has not while a member is not ready', told(holding({}, { ready: 1 })), unasked, false],
  ])('%s', (_, facts, request, over) => expect(isRotated(facts, request)).toBe(over));
});
