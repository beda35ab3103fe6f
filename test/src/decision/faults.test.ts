/**
 * Every type of intent, ended in every way that is no success: what is decided at once, what when its timer fires, and that
 * the cluster then comes to where it would have come without the fault.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { effectClasses } from '#machines/cluster/intents.ts';
import { answered, failed, faults, type Fault } from './answers.ts';
import {
  addedByHand,
  changedByHand,
  deletedByHand,
  deletedByUser,
  fair,
  orphaned,
  podsGone,
  podsMade,
  leaderElected,
  timerFires,
} from './happenings.ts';
import { created, faulted, hand, namesake, row, running, start } from './scripts.ts';
import { amnesiac, newWorld, twoMembers, type Asked, type SmallWorld } from './small-world.ts';
import { aTeller } from './told.ts';

/** A world in which an intent waits for its answer. */
interface Waiting {
  readonly world: SmallWorld;
  readonly asked: Asked;
}

function beginnings(): readonly SmallWorld[] {
  const kept = row(running(), (world) => deletedByUser(world), fair);
  const cluster = newWorld(twoMembers, { uid: 'uid-of-namesake' }).cluster;
  const doubt = row(
    newWorld(),
    start,
    faulted('unknown', (type) => type === 'AddFinalizer', true),
  );
  return [
    row(newWorld(), start),
    row(created(), podsMade, leaderElected),
    row(running(), hand(changedByHand, 'StatefulSet/shop')),
    row(running(), hand(changedByHand, 'Service/shop-repl')),
    row(running(), hand(addedByHand, 'Service/shop')),
    row(running(), hand(deletedByHand, 'Service/shop-headless')),
    row(running(), (world) => deletedByUser(world)),
    row(running(), (world) => deletedByUser(world, true)),
    amnesiac(running()),
    amnesiac({ ...kept, cluster, published: null, decisions: [] }),
    namesake(),
    row(doubt, (world) => fair(world)),
  ];
}

/** The first time each type of intent is asked, on the way from each beginning to rest. */
function firstOfEachType(): ReadonlyMap<string, Waiting> {
  const found = new Map<string, Waiting>();
  for (const beginning of beginnings()) {
    let world = beginning;
    for (let count = 0; count < 300; count += 1) {
      for (const asked of world.asked)
        if (!found.has(asked.intent.type)) found.set(asked.intent.type, { world, asked });
      const next = world.asked[0] ?? null;
      const moved = next === null ? (podsGone(world) ?? orphaned(world) ?? timerFires(world)) : answered(world, next);
      if (moved === null) break;
      world = moved;
    }
  }
  const [asked] = [...found.values()].flatMap(({ world }) => {
    const doubtful = world.asked.find(({ intent }) => intent.type === 'CreateObject');
    if (doubtful === undefined) return [];
    const after = timerFires(failed(world, doubtful, 'unknown'), (id) => id.startsWith('retry/'));
    const read = after?.asked.find(({ intent }) => intent.type === 'ReadObject');
    return after === null || read === undefined ? [] : [{ world: after, asked: read }];
  });
  if (asked !== undefined) found.set('ReadObject', asked);
  return found;
}

/** Asked in the middle of procedures, where this small world has no Patroni: the simulator's scenarios hold them. */
const inProcedures = ['PatchPatroniConfig', 'RequestSwitchover', 'RestartPostgres', 'VerifyParameters'];

const waiting = firstOfEachType();
const path = new URL('../../golden/decision-faults.txt', import.meta.url);
const ways = Object.keys(faults) as Fault[];

function told(type: string, way: Fault): string {
  const found = waiting.get(type);
  if (found === undefined) throw new Error(`${type} is never asked`);
  const tell = aTeller(true);
  const words = (world: SmallWorld): string =>
    world.decisions
      .map(tell)
      .filter((each) => each !== '')
      .join('\n');
  const world = failed({ ...found.world, decisions: [] }, found.asked, way);
  const later = timerFires({ ...world, decisions: [] }, (id) => id.startsWith('retry/'));
  return [
    `== ${type}, ${way}`,
    words(world),
    ...(later === null ? ['-- waits for no timer'] : ['-- when its timer fires', words(later)]),
  ].join('\n');
}

describe('an intent that ends badly', () => {
  it('is one of every type', () =>
    expect([...waiting.keys(), ...inProcedures].sort()).toEqual(Object.keys(effectClasses).sort()));

  it('is followed by what test/golden/decision-faults.txt says', () => {
    const text = `${[...waiting.keys()]
      .sort()
      .flatMap((type) => ways.map((way) => told(type, way)))
      .join('\n')}\n`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
    expect(text, 'if this is meant, npm run golden writes it anew; read the diff').toBe(readFileSync(path, 'utf8'));
  });

  it.each([...waiting.keys()].sort())('%s: the cluster comes to where it would have come', (type) => {
    const found = waiting.get(type);
    if (found === undefined) return expect.fail(`${type} is never asked`);
    const end = fair(found.world, 40);
    for (const way of ways) {
      for (const landed of way === 'unknown' ? [false, true] : [false]) {
        const { snapshot, cluster, objects } = fair(failed(found.world, found.asked, way, landed), 40);
        const where = `${type}, ${way}${landed ? ', though carried out' : ''}`;
        expect(snapshot.state, where).toBe(end.snapshot.state);
        expect(cluster, where).toEqual(end.cluster);
        expect(Object.keys(objects).sort(), where).toEqual(Object.keys(end.objects).sort());
        expect(snapshot.facts.memory.failures, where).toEqual({});
        expect(snapshot.facts.memory.open, where).toEqual({});
      }
    }
  });
});
