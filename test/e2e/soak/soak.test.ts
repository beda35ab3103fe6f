/**
 * A set test in the manner of Jepsen, through what the operator does and what befalls it: rows are added without pause while the cluster is
 * handed over, scaled and rolled, and while processes, pods, nodes and the API server die or are cut off, also in the midst of an
 * edit. With `synchronous: Required` no row that was acknowledged may be missing. MINUTES and SEED say how long, and what.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  scaledTo,
  soakSteps,
  soakText,
  stepName,
  type SoakDone,
  type SoakEdit,
  type SoakFault,
  type SoakStep,
} from '#test/support/day2/soak-plan.ts';
import { change, edit, rolledOut } from '../support/changes.ts';
import { monotonic } from '../support/clock.ts';
import { openDayTwo } from '../support/day-two.ts';
import type { Subject } from '../support/database.ts';
import { killPostgres } from '../support/members.ts';
import { apiServer, cut, healAll, kill, revive } from '../support/nodes.ts';
import { killOperator, operatorReady } from '../support/operator.ts';
import type { PodSeen } from '../support/pods.ts';
import type { Run } from '../support/run.ts';
import { allStreaming, placeOf, primaryPod, settingName, settingOfEnvironment } from '../support/shop.ts';
import { eventually, explain, statusOf, type World } from '../world.ts';

const where = placeOf('e2e-soak');
const minutes = Number(process.env['MINUTES'] || '30');
const seed = Number(process.env['SEED'] || '1');
/** Longer than Patroni's time to live of 30 s and a round of its loop: whoever would give up the lock has done so. */
const apiAwayMs = 45_000;
/** How long a fault of a node goes on for want of an acknowledged row: where two members are left, writes may wait for it to end. */
const patienceMs = 60_000;

let world: World;
let shop: Subject;
let run: Run;
let members = 3;
let token = 0;
const done: SoakDone[] = [];
let startedAt = 0;

const kubectl = (...args: readonly string[]): Promise<string> => world.kubectl('--namespace', where, ...args);
const field = (path: string): Promise<string> =>
  kubectl('get', 'postgrescluster', shop.name, '--output', `jsonpath={${path}}`);

/** Whom a step strikes, as the cluster is now. */
async function struck({ whom, choice }: SoakStep): Promise<PodSeen> {
  const primary = await primaryPod(world, shop);
  if (whom === 'primary') return primary;
  const others = run.pods.now().filter(({ name, node }) => name !== primary.name && node !== '');
  return others[Math.floor(choice * others.length)] ?? primary;
}

/** A fault goes on until Kubernetes has seen it, and writes go on or have waited for long. */
async function lasts(node: string): Promise<void> {
  await world.kubectl('wait', '--for=condition=Ready=Unknown', `node/${node}`, '--timeout=180s');
  await run.writer.writesAgain(patienceMs).catch(() => undefined);
}

const edits: Readonly<Record<SoakEdit, (step: SoakStep) => Promise<void>>> = {
  switchover: async () => {
    const standby = await eventually('somebody confirming', async () => {
      const [name = ''] = (await field('.status.members[?(@.role=="sync_standby")].name')).split(' ');
      return name === '' ? null : name;
    });
    token += 1;
    const annotation = `postgres.example.com/switchover=soak-${token} ${standby}`;
    await kubectl('annotate', 'postgrescluster', shop.name, '--overwrite', annotation);
  },
  scale: async ({ choice }) => {
    members = scaledTo(members, choice);
    await edit(world, shop, { replicas: members });
  },
  'rolling update': async () => {
    token += 1;
    await edit(world, shop, { env: [{ name: 'ROUND', value: String(token) }] });
  },
};

const faults: Readonly<Record<SoakFault, (step: SoakStep) => Promise<void>>> = {
  // Whoever is meant may be on its way out: then it is whoever fits next.
  'PostgreSQL killed': (step) =>
    eventually('a PostgreSQL being killed', async () => {
      await killPostgres(world, shop, (await struck(step)).name);
      return true;
    }).then(() => undefined),
  'pod killed': async (step) => {
    const { name } = await struck(step);
    await kubectl('delete', 'pod', name, '--ignore-not-found', '--grace-period=0', '--force');
  },
  'node killed': async (step) => {
    const { node } = await struck(step);
    await kill(node);
    await lasts(node);
    await revive(world, node);
  },
  'node cut off': async (step) => {
    const { node } = await struck(step);
    await cut(node);
    await lasts(node);
    await healAll(world);
  },
  'node cut off from the API server': async (step) => {
    const { node } = await struck(step);
    await cut(node, 'apiserver');
    await lasts(node);
    await healAll(world);
  },
  'API server away': async () => {
    await apiServer('kill');
    const since = monotonic();
    await eventually('the API server having been away for long', () =>
      Promise.resolve(monotonic() - since > apiAwayMs),
    );
    // On a busy machine it may take longer to be ready than one start waits for.
    await eventually('the API server being ready', () => apiServer('start').then(() => true), 300_000);
  },
  'operator killed': async () => {
    await killOperator(world);
    await operatorReady(world);
  },
};

/** The operator is at work on an edit, or done with it already. */
async function isUnderWay(): Promise<boolean> {
  const { phase } = await statusOf(world, where, shop.name);
  return phase !== 'Running' || (await field('.status.observedGeneration')) === (await field('.metadata.generation'));
}

/**
 * What the person on call does: where `pgc why` says, and says a minute later still, that a member has to have its data copied anew,
 * that is asked for, by the annotation that `pgc reinit` writes.
 */
async function heeded(isOver: () => boolean): Promise<void> {
  const advice = async (): Promise<readonly string[]> =>
    (await explain(world, where, shop.name)).match(/ nothing in the first minute: .*(pgc reinit \S+ \S+ -n \S+)/m) ??
    [];
  while (!isOver()) {
    const [, first] = await advice();
    const since = monotonic();
    await eventually('a minute', () => Promise.resolve(isOver() || monotonic() - since > 60_000));
    const [, second] = await advice();
    if (isOver() || first === undefined || first !== second) continue;
    process.stdout.write(`soak: ${first} has its data copied anew, as pgc why says\n`);
    token += 1;
    const annotation = `postgres.example.com/reinit=soak-${token} ${first}`;
    await kubectl('annotate', 'postgrescluster', shop.name, '--overwrite', annotation);
  }
}

async function rolledOutByHeed(): Promise<void> {
  let isOver = false;
  await Promise.all([
    rolledOut(world, shop, 600_000).finally(() => {
      isOver = true;
    }),
    heeded(() => isOver),
  ]);
}

/** What was asked for is done or refused in words, everybody streams, somebody confirms, and rows are acknowledged. */
async function settled(): Promise<void> {
  await eventually('the switchover that was asked for being answered', async () => {
    const asked = await field('.metadata.annotations.postgres\\.example\\.com/switchover');
    const refusal = await field('.status.conditions[?(@.type=="RequestRefused")].message');
    return asked === '' || (await field('.status.handled.switchover')) === asked || refusal.includes(asked);
  });
  await rolledOutByHeed();
  await allStreaming(world, shop, members - 1);
  await eventually('somebody confirming commits', async () =>
    (await field('.status.members')).includes('sync_standby'),
  );
  await run.writer.writesAgain();
}

async function takeStep(step: SoakStep): Promise<void> {
  const at = monotonic();
  if (step.edit !== null) await edits[step.edit](step);
  if (step.edit !== null && step.fault !== null) await eventually('the edit being under way', isUnderWay);
  if (step.fault !== null) await faults[step.fault](step);
  await settled();
  const one = { name: stepName(step), gapMs: run.writer.gap(at).ms, tookMs: Math.round(monotonic() - at) };
  done.push(one);
  process.stdout.write(`soak ${((monotonic() - startedAt) / 60_000).toFixed(1)} min ${JSON.stringify(one)}\n`);
  expect(await run.writer.lost(), `acknowledged rows lost by then: ${one.name}`).toEqual([]);
  expect(run.probes.twoPrimaries(), 'two writable primaries').toEqual([]);
}

beforeAll(async () => {
  if (!(minutes > 0) || !Number.isInteger(seed)) throw new Error('MINUTES must be a number above 0, SEED a whole one');
  ({ world, shop, run } = await openDayTwo(where, 3));
  // PostgreSQL keeps up to 1 GiB of its log (max_wal_size) for half an hour of writes: more than a cluster of tests has room for.
  await change(world, shop, { synchronous: { mode: 'Required', count: 1 }, storage: { size: '3Gi' } }, 2);
});

afterAll(async () => {
  await healAll(world);
  const twoPrimaries = run.probes.twoPrimaries();
  const { acknowledged, unknown, unknownFound, lost } = await run.close();
  const report = {
    seed,
    setting: settingName(settingOfEnvironment(), 3),
    minutes: (monotonic() - startedAt) / 60_000,
    steps: done,
    acknowledged,
    unknown,
    unknownFound,
    lost: lost.length,
    twoPrimaries,
  };
  const folder = new URL('../../../.run/soak/', import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${where}-${seed}.json`, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${soakText(report)}\n`);
  expect(lost, 'acknowledged rows lost').toEqual([]);
});

it(
  `loses no acknowledged row in ${minutes} minutes of whatever befalls it (seed ${seed})`,
  async () => {
    startedAt = monotonic();
    for (const step of soakSteps(seed)) {
      if (monotonic() - startedAt > minutes * 60_000) break;
      process.stdout.write(`soak: ${stepName(step)}\n`);
      try {
        await takeStep(step);
      } catch (error) {
        const why = await explain(world, where, shop.name);
        throw new Error(`after "${stepName(step)}", ${done.length} steps before it; the operator says:\n${why}`, {
          cause: error,
        });
      }
    }
  },
  (minutes + 30) * 60_000,
);
