/** The simulated controllers against what real ones did (`npm run conformance:record`). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { give, lateClaims, plays, type Phase } from './plays.ts';
import { simulatedStage } from './stages.ts';

function recorded(name: string): readonly Phase[] {
  const file = new URL(`recorded/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as readonly Phase[];
}

describe.each(Object.keys(plays))('%s', (name) => {
  it.each([1, 2, 3])(
    'does what the real controllers did, whatever the order of their rounds (seed %i)',
    async (seed) => {
      const stage = simulatedStage(seed);
      const phases = await give(stage, plays[name] ?? []);
      expect(phases).toEqual(recorded(name));
      expect(lateClaims(stage.told())).toEqual([]);
    },
  );
});
