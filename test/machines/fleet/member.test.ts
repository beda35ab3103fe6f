/** What the fleet sees of one cluster: whether it is at work, what waits, and how the change that it has goes. */
import { describe, expect, it } from 'vitest';
import type { Facts, Memory } from '#machines/cluster/facts.ts';
import { fleetMember, type FleetMember } from '#machines/fleet/turns.ts';
import { calm, factsOf, type Choice } from '../cluster/worlds.ts';

type Turn = NonNullable<Memory['turn']>;

const turn: Turn = { subject: 'generation 2', change: 'image=2', state: 'granted', because: 'it may' };

function seen(state: string, memory: Partial<Memory> = {}, choice: Partial<Choice> = {}): FleetMember {
  const facts: Facts = factsOf({ ...calm, ...choice });
  return fleetMember('team/shop', {
    machine: 'cluster',
    state,
    facts: { ...facts, memory: { ...facts.memory, ...memory } },
  });
}

describe('a cluster of a fleet', () => {
  it('that rests', () =>
    expect(seen('Alive.Running')).toEqual({
      uid: 'u-1',
      name: 'team/shop',
      isKnown: true,
      isAtWork: false,
      waiting: null,
      told: null,
      turn: null,
    }));

  it.each<readonly [string, Partial<Choice>, boolean]>([
    ['Alive.Running', {}, true],
    ['Alive.Running', { known: false }, false],
    ['Deleting.stopping', { known: false, deleting: 'background' }, true],
  ])('in %s with %o is known: %s', (state, choice, expected) => expect(seen(state, {}, choice).isKnown).toBe(expected));

  it.each<readonly [string, string, Partial<Memory>, Partial<Choice>, boolean]>([
    ['that is updated', 'Alive.Updating.replacing', {}, {}, true],
    ['that is scaled', 'Alive.Scaling.adding', {}, {}, false],
    ['that is made', 'Alive.Creating.joining', {}, {}, false],
    ['that restarts as was asked', 'Alive.Updating.restarting', {}, { request: 'restart' }, true],
    ['that switches over as was asked', 'Alive.Updating.switching', {}, { request: 'switchover' }, true],
    ['that reloads as was asked', 'Alive.Updating.configuring', {}, { request: 'reload' }, false],
    ['that copies anew as was asked', 'Alive.Updating.rebuilding', {}, { request: 'reinit' }, false],
    ['that is replaced as was asked', 'Alive.Updating.rebuilding', {}, { request: 'replace' }, false],
    ['that has its turn and has not begun', 'Alive.Running', { turn }, { generation: 'newer' }, true],
    ['that had its turn and is done', 'Alive.Running', { turn }, {}, false],
    ['that waits', 'Alive.Running', { turn: { ...turn, state: 'queued' } }, { generation: 'newer' }, false],
    ['without its journal, half done', 'Alive.Degraded', { amnesia: true }, { generation: 'newer' }, true],
    ['without its journal, done', 'Alive.Degraded', { amnesia: true }, {}, false],
    ['that goes back', 'Alive.Degraded', { turn: { ...turn, state: 'went-badly' } }, {}, true],
    ['that went back', 'Alive.Running', { turn: { ...turn, state: 'went-badly' } }, {}, false],
    ['whose status tells that it goes back', 'Alive.Degraded', { handled: { 'rollout-failed': '2' } }, {}, true],
    ['whose status tells that it went back', 'Alive.Running', { handled: { 'rollout-failed': '2' } }, {}, false],
    ['that is deleted', 'Deleting.stopping', { turn }, { generation: 'newer', deleting: 'background' }, false],
  ])('%s is at work: see the table', (_, state, memory, choice, expected) =>
    expect(seen(state, memory, choice).isAtWork).toBe(expected),
  );

  const waiting = { subject: 'generation 2', change: 'image=2', isApproved: false };
  const held = { held: { generation: 2, by: 'Turn', message: 'it waits', until: null, turn: waiting } } as const;

  it.each<readonly [string, string, Partial<Memory>, FleetMember['waiting'], FleetMember['told']]>([
    ['nothing yet', 'Alive.Running', held, waiting, null],
    [
      'to wait',
      'Alive.Running',
      { ...held, turn: { ...turn, state: 'queued' } },
      waiting,
      { answer: 'queued', because: 'it may' },
    ],
    [
      'to stop',
      'Alive.Running',
      { ...held, turn: { ...turn, state: 'stopped' } },
      waiting,
      { answer: 'stopped', because: 'it may' },
    ],
    ['to begin', 'Alive.Running', { ...held, turn }, waiting, null],
    [
      'something of an earlier edit',
      'Alive.Running',
      { ...held, turn: { ...turn, subject: 'generation 1', state: 'queued' } },
      waiting,
      null,
    ],
    ['to wait, and is deleted', 'Deleting.stopping', held, null, null],
  ])('was told %s', (_, state, memory, waits, told) =>
    expect(seen(state, memory)).toMatchObject({ waiting: waits, told }),
  );

  it.each<readonly [string, Turn['state'], Partial<Turn>, FleetMember['turn']]>([
    ['Alive.Updating.replacing', 'granted', {}, { change: 'image=2', goes: 'on', because: 'it may' }],
    ['Alive.Recovering.electing', 'granted', {}, { change: 'image=2', goes: 'on', because: 'it may' }],
    ['Alive.Degraded', 'granted', {}, { change: 'image=2', goes: 'badly', because: 'the cluster is Degraded' }],
    ['Alive.Failed', 'granted', {}, { change: 'image=2', goes: 'badly', because: 'the cluster is Failed' }],
    ['Alive.Running', 'went-well', {}, { change: 'image=2', goes: 'well', because: 'it may' }],
    ['Alive.Running', 'went-badly', {}, { change: 'image=2', goes: 'badly', because: 'it may' }],
    ['Alive.Running', 'queued', {}, null],
    ['Alive.Running', 'stopped', {}, null],
    ['Alive.Running', 'went-well', { change: null }, null],
  ])('in %s whose turn is %s goes as it goes', (state, is, change, expected) =>
    expect(seen(state, { turn: { ...turn, ...change, state: is } }).turn).toEqual(expected),
  );
});
