/**
 * Edits that cannot become true, each under a continuous writer and with the operator killed while it is busy with it: the cluster
 * stays writable, a condition or the reason names what is wrong, and putting the old value back heals it with no more help.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { condition, edit, rolledOut } from './support/changes.ts';
import { openDayTwo } from './support/day-two.ts';
import type { Subject } from './support/database.ts';
import { killOperator } from './support/operator.ts';
import type { Run } from './support/run.ts';
import { longerSuite } from './support/selection.ts';
import { allStreaming, placeOf, primaryPod } from './support/shop.ts';
import { eventually, statusOf, type World } from './world.ts';

const where = placeOf('e2e-day2-wrong-edits');

let world: World;
let shop: Subject;
let run: Run;

interface WrongEdit {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly back: Readonly<Record<string, unknown>>;
  /** What has to be told, and where: the field in `ConfigurationValid`, or the words in the phase's reason. */
  readonly told: { readonly field: string } | { readonly reason: RegExp };
}

const wrongEdits: readonly WrongEdit[] = [
  {
    name: 'an image that no node has',
    spec: { image: 'postgres-operator.local/spilo:does-not-exist' },
    back: { image: null },
    told: { field: 'spec.image' },
  },
  {
    name: 'a library that PostgreSQL does not find',
    spec: { postgresqlParams: { shared_preload_libraries: 'no_such_library' } },
    back: { postgresqlParams: null },
    told: { field: 'spec.postgresqlParams' },
  },
  {
    name: 'more memory than any node has',
    spec: { resources: { requests: { memory: '500Gi' } } },
    back: { resources: null },
    told: { reason: /Insufficient memory/ },
  },
];

/** What is wrong has been told. */
async function isTold({ told }: WrongEdit): Promise<boolean> {
  if ('reason' in told) return told.reason.test((await statusOf(world, where, shop.name)).reason);
  const said = await condition(world, shop, 'ConfigurationValid');
  return said?.status === 'False' && said.message.includes(told.field);
}

longerSuite('an edit that cannot become true', () => {
  beforeAll(async () => {
    ({ world, shop, run } = await openDayTwo(where, 1));
  });

  afterAll(async () => {
    await run.close();
  });

  it.each(wrongEdits)('$name: writes go on, it is named, and putting it back heals it', async (wrong) => {
    const { name: primary } = await primaryPod(world, shop);
    const measured = await run.measure({ name: `wrong edit: ${wrong.name}`, isPlanned: true }, async () => {
      await edit(world, shop, wrong.spec);
      await eventually('the operator being busy with it, or telling of it', async () => {
        const { phase } = await statusOf(world, where, shop.name);
        return phase !== 'Running' || (await isTold(wrong));
      });
      await killOperator(world);
      await eventually(`it being told: ${JSON.stringify(wrong.told)}`, () => isTold(wrong), 400_000);
      await killOperator(world);
      await edit(world, shop, wrong.back);
      await rolledOut(world, shop);
      await allStreaming(world, shop);
    });
    expect((await condition(world, shop, 'ConfigurationValid'))?.status).toBe('True');
    expect((await primaryPod(world, shop)).name).toBe(primary);
    expect(measured.starts[primary]).toBe(0);
    expect(measured.gapMs).toBeLessThan(5_000);
  });

  it.each([
    ['a smaller volume', { storage: { size: '100Mi' } }],
    ['a class that does not exist', { storage: { size: '600Mi', storageClass: 'no-such-class' } }],
  ])('%s is refused before anybody sees it', async (_, spec) => {
    await expect(edit(world, shop, spec)).rejects.toThrow(/spec\.storage/);
    expect((await condition(world, shop, 'ConfigurationValid'))?.status).toBe('True');
  });
});
