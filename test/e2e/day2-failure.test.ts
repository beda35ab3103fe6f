/**
 * Failures of members and of the control plane under a continuous writer: fail-over, restart in place, an operator and an
 * API server that are away. OPERATOR_AWAY_SECONDS and API_AWAY_SECONDS make those times longer.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allStreaming, placeOf, primaryPod } from './support/shop.ts';
import { openDayTwo } from './support/day-two.ts';
import type { Subject } from './support/database.ts';
import { killPostgres, killProcesses } from './support/members.ts';
import { apiServer } from './support/nodes.ts';
import { whileOperatorRests } from './support/operator.ts';
import { patroniState } from './support/patroni.ts';
import { total, type Run } from './support/run.ts';
import { longer, longerSuite } from './support/selection.ts';
import { eventually, phase, statusOf, type World } from './world.ts';

const where = placeOf('e2e-day2');
/** Longer than Patroni's ttl of 30 s and a round of its loop: whoever would demote has done so. */
const apiAwaySeconds = Number(process.env['API_AWAY_SECONDS'] ?? '45');
const operatorAwaySeconds = Number(process.env['OPERATOR_AWAY_SECONDS'] ?? '0');

let world: World;
let shop: Subject;
let run: Run;

const starts = (measured: { readonly starts: Readonly<Record<string, number>> }): number => total(measured.starts);

beforeAll(async () => {
  ({ world, shop, run } = await openDayTwo(where, 1));
});

afterAll(async () => {
  await apiServer('start');
  await run.close();
});

describe('a member', () => {
  it('whose PostgreSQL is killed in a live pod is started again, and no pod is made anew', async () => {
    const { name } = await primaryPod(world, shop);
    const measured = await run.measure({ name: 'PostgreSQL killed in a live pod', isPlanned: false }, async () => {
      const before = run.probes.starts()[name] ?? 0;
      await killPostgres(world, shop, name);
      await eventually('PostgreSQL being started again', () =>
        Promise.resolve((run.probes.starts()[name] ?? 0) > before),
      );
      await run.writer.writesAgain();
      await allStreaming(world, shop);
    });
    expect(measured.lost).toBe(0);
    expect(Object.values(measured.recreations).every((count) => count === 0)).toBe(true);
  });

  it('that is the primary and is asked to end hands over first: nothing is lost', async () => {
    const { name } = await primaryPod(world, shop);
    const measured = await run.measure({ name: 'primary deleted', isPlanned: true }, async () => {
      await world.kubectl('--namespace', where, 'delete', 'pod', name, '--timeout=120s');
      expect((await primaryPod(world, shop)).name).not.toBe(name);
      await phase(world, where, shop.name, 'Running');
      await allStreaming(world, shop);
    });
    expect(measured.recreations[name]).toBe(1);
    expect(starts(measured)).toBe(1);
  });

  longer('that is the primary and dies without a word is followed by one primary', async () => {
    const { name } = await primaryPod(world, shop);
    await run.measure({ name: 'primary killed with its pod', isPlanned: false }, async () => {
      await world.kubectl('--namespace', where, 'delete', 'pod', name, '--grace-period=0', '--force');
      await run.writer.writesAgain();
      await allStreaming(world, shop);
    });
  });

  longer('whose Patroni and PostgreSQL are both killed is a member again', async () => {
    const { name } = await primaryPod(world, shop);
    await run.measure({ name: 'Patroni and PostgreSQL killed', isPlanned: false }, async () => {
      await killProcesses(world, shop, name, 'patroni|postgres');
      await run.writer.writesNoMore(500);
      await run.writer.writesAgain();
      await allStreaming(world, shop);
    });
  });
});

longerSuite('the control plane', () => {
  it('may be away for longer than the lock lives: the primary stays, writes go on', async () => {
    const primary = await primaryPod(world, shop);
    const measured = await run.measure(
      { name: `API server away for ${apiAwaySeconds} s`, isPlanned: true },
      async () => {
        await apiServer('kill');
        await eventually(
          'the primary not having seen the API server for that long',
          async () => {
            const state = await patroniState(primary);
            return (
              state?.isFailsafeActive === true &&
              state.dcsLastSeen !== null &&
              Date.now() / 1000 - state.dcsLastSeen > apiAwaySeconds
            );
          },
          (apiAwaySeconds + 60) * 1000,
        );
        await apiServer('start');
        await eventually('the primary seeing the API server', async () => {
          const state = await patroniState(primary);
          return state !== null && state.dcsLastSeen !== null && Date.now() / 1000 - state.dcsLastSeen < 15;
        });
      },
    );
    expect((await primaryPod(world, shop)).name).toBe(primary.name);
    expect(starts(measured)).toBe(0);
  });

  it('the operator being away, the primary dies: fail-over happens without it, and afterwards the journal tells', async () => {
    const before = await primaryPod(world, shop);
    const name = 'primary dies while the operator is away';
    await run.measure({ name, isPlanned: true }, async () => {
      await whileOperatorRests(world, async () => {
        const since = performance.now();
        await world.kubectl('--namespace', where, 'delete', 'pod', before.name, '--timeout=120s');
        await run.writer.writesAgain();
        await allStreaming(world, shop);
        await eventually(
          'the operator having been away for long',
          () => Promise.resolve(performance.now() - since >= operatorAwaySeconds * 1000),
          (operatorAwaySeconds + 60) * 1000,
        );
      });
    });
    const after = await primaryPod(world, shop);
    expect(after.name).not.toBe(before.name);
    await eventually('the status naming the new primary', async () => {
      const status = await statusOf(world, where, shop.name);
      return status.phase === 'Running' && status.primaryPod === after.name;
    });
    expect(await world.pgc('timeline', shop.name, '--namespace', where)).toContain(
      `the leader key goes from ${before.name} to ${after.name}`,
    );
  });
});

describe('the account', () => {
  it('holds: every row that was acknowledged is there, every row that is there was sent', async () => {
    expect(await run.writer.lost()).toEqual([]);
    expect(run.probes.twoPrimaries()).toEqual([]);
  });
});
