/** Every type of intent, ended in every way that is no success: what is decided at once, and what when its timer fires. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { effectClasses } from '#machines/cluster/intents.ts';
import { answeredUnseen, failed, faults, type Fault } from './answers.ts';
import { timerFires } from './happenings.ts';
import type { SmallWorld } from './small-world.ts';
import { aTeller } from './told.ts';
import { firstOfEachType } from './waiting.ts';

/** Asked in the middle of procedures, where this small world has no Patroni: the simulator's scenarios hold them. */
const inProcedures = [
  'GrowVolume',
  'LabelPod',
  'MeasureVolume',
  'PatchPatroniConfig',
  'ReinitializeMember',
  'ReloadPostgres',
  'RequestSwitchover',
  'RestartPostgres',
  'SetPasswords',
  'VerifyParameters',
  'WriteSecret',
];

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
});

/** Asked once more between the answer and the sight of what it did, which changes nothing again. To shrink. */
const askedOnceMore = ['MarkRetained', 'ReleaseObject', 'StripMarks'];

describe('an intent that was carried out', () => {
  it('is not asked again before the watch has shown what it did, but for those that are named', () => {
    const again = [...waiting.entries()].flatMap(([type, { world, asked: sent }]) => {
      // Another level may be published, and another Event told, at once.
      if (type === 'EmitEvent' || type === 'PublishStatus') return [];
      const { asked } = answeredUnseen({ ...world, asked: [sent] }, sent);
      const same = asked.some(({ intent }) => intent.type === type && intent.target.name === sent.intent.target.name);
      return same ? [type] : [];
    });
    expect(again.sort()).toEqual(askedOnceMore);
  });
});
