/**
 * The simulated members of Patroni against real ones, step by step: what they show on their pods, and what they show next
 * (`npm run conformance:steps`). A few scenarios; all of them, and seeds with faults, with STEPS=all: only then it is asked too
 * whether simulated members do all that real ones did.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planOf } from '#src/sim/exploration.ts';
import type { Invariant } from '#src/sim/invariants/invariant.ts';
import { quiet, type Plan } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { allScenarios } from '#src/sim/share.ts';
import { notSimulated, onlyReal, onlySimulated } from './step-differences.ts';
import { watchSteps, type Step } from './sights.ts';

const isWhole = process.env['STEPS'] === 'all';
const few = [
  'recreate',
  'lose-leader',
  'roll-image',
  'reinit',
  'bad-parameter',
  'leader-full',
  'grow-volumes-full',
  'scale',
];
const seeds = isWhole ? Array.from({ length: 200 }, (_, index) => 2_000_000 + index) : [];
const plans: readonly Plan[] = [
  ...(isWhole ? allScenarios : few).map((name) => quiet(name, 1)),
  ...seeds.map((seed) => planOf(seed)),
];

const file = new URL('recorded/steps.json', import.meta.url);
const real = new Set(JSON.parse(readFileSync(file, 'utf8')) as readonly Step[]);
const simulated = new Set<Step>();
const { folder: scratch, remove } = makeScratch();

const keepSteps: Invariant = {
  name: 'steps',
  says: 'are kept',
  watch: ({ api }) => {
    watchSteps(api.store, 'spilo-role', (step) => simulated.add(step));
    return {};
  },
};

function endsOf(step: Step): readonly [string, string] {
  const [before = '', after = ''] = step.split(' > ');
  return [before, after];
}

/** Whether simulated members get there in three steps: what comes quicker than a watch tells is one step in a journal. */
function isSimulated(step: Step): boolean {
  const [before, after] = endsOf(step);
  const steps = [...simulated].map(endsOf);
  let reached = new Set([before]);
  for (let round = 0; round < 3; round += 1) {
    reached = new Set(steps.filter(([from]) => reached.has(from)).map(([, to]) => to));
    if (reached.has(after)) return true;
  }
  return false;
}

beforeAll(async () => {
  for (const plan of plans) {
    const { violations } = await runPlan(plan, { scratch, expected: null, also: [keepSteps] });
    expect(violations).toEqual([]);
  }
}, 900_000);

afterAll(remove);

it('simulated members take no step that no real one was seen to take', () => {
  expect(simulated.size).toBeGreaterThan(25);
  expect([...simulated].filter((step) => !real.has(step) && !onlySimulated.has(step))).toEqual([]);
});

it('what real members were seen to do simulated ones do too, if all of it is asked', () => {
  expect(real.size).toBeGreaterThan(70);
  if (!isWhole) return;
  const isExplained = (step: Step): boolean =>
    onlyReal.has(step) || endsOf(step).some((sight) => notSimulated.has(sight));
  expect([...real].filter((step) => !isSimulated(step) && !isExplained(step)).toSorted()).toEqual([]);
});

it('no difference is listed that is none', () => {
  expect([...onlySimulated.keys()].filter((step) => real.has(step))).toEqual([]);
  expect([...onlyReal.keys()].filter((step) => !real.has(step) || (isWhole && isSimulated(step)))).toEqual([]);
  const shown = new Set([...simulated].flatMap(endsOf));
  expect([...notSimulated.keys()].filter((sight) => shown.has(sight))).toEqual([]);
});
