/** Every type of intent, ended in every way that is no success: the cluster comes to where it would have come without. */
import { describe, expect, it } from 'vitest';
import { failed, faults, type Fault } from './answers.ts';
import { fair } from './happenings.ts';
import { firstOfEachType } from './waiting.ts';

const waiting = firstOfEachType();
const ways = Object.keys(faults) as Fault[];

describe('an intent that ends badly', () => {
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
