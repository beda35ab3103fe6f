/**
 * Passwords of a running cluster under a continuous writer: rotated on request, chosen by hand, lost with their Secrets; an
 * operator that dies in the midst of it; somebody else's Secret. Clients read the Secrets before each login. No value is found
 * anywhere else afterwards.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operatorNamespace } from '#test/cluster/deploy.ts';
import { leaks } from '#test/support/canary.ts';
import { auditMoment, type AuditMoment } from './support/audit.ts';
import { openDayTwo } from './support/day-two.ts';
import { serviceAddress, type Subject } from './support/database.ts';
import { loginAnswer, secretsNow, startLogins, type Logins, type Values } from './support/logins.ts';
import { restAnswer } from './support/patroni.ts';
import { killOperator, operatorReady, whileOperatorRests } from './support/operator.ts';
import {
  auditLog,
  containerLogs,
  journalDisk,
  objects,
  postgresLogs,
  watchCommandLines,
  type CommandLines,
} from './support/places.ts';
import { podsOf } from './support/pods.ts';
import type { Measured } from './support/report.ts';
import { total, type Run } from './support/run.ts';
import { longerSuite } from './support/selection.ts';
import { allStreaming, placeOf, primaryPod } from './support/shop.ts';
import { eventually, phase, type World } from './world.ts';

const where = placeOf('e2e-day2-credentials');
const memberKeys = ['POSTGRES_PASSWORD', 'REPLICATION_PASSWORD', 'RESTAPI_PASSWORD'] as const;

let world: World;
let shop: Subject;
let run: Run;
let logins: Logins;
let commands: CommandLines;
let since: AuditMoment = 0;
/** Logins that were refused while no Secret said what roles had. */
let unavoidable = 0;
/** What operators wrote that were killed: their logs go with their pods. */
const lastWords: Record<string, Buffer> = {};

const kubectl = (...args: readonly string[]): Promise<string> => world.kubectl('--namespace', where, ...args);
const each = (measured: Measured): readonly number[] => Object.values(measured.recreations);

async function patchSecret(name: string, values: Values): Promise<void> {
  // Through a file that kubectl reads from its input: a command line can be read by everybody.
  const manifest = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `${shop.name}-${name}`, namespace: where },
    stringData: values,
  };
  await world.apply(JSON.stringify(manifest));
}

async function handled(): Promise<string> {
  return kubectl('get', 'postgrescluster', shop.name, '--output', 'jsonpath={.status.handled.rotate-credentials}');
}

async function ask(token: string): Promise<void> {
  const annotation = `postgres.example.com/rotate-credentials=${token}`;
  await kubectl('annotate', 'postgrescluster', shop.name, '--overwrite', annotation);
}

/** All Secrets say the same. */
function agree(now: Values): boolean {
  return (
    memberKeys.every((key) => now[`credentials/${key}`] === now[`credentials-inforce/${key}`]) &&
    now['credentials/PGPASSWORD'] === now['credentials/POSTGRES_PASSWORD'] &&
    now['app/password'] === now['credentials-inforce/APPLICATION_PASSWORD'] &&
    now['app/password'] !== undefined &&
    now['app/uri']?.includes(`:${encodeURIComponent(now['app/password'])}@`) === true
  );
}

/** Waits until this is true of the Secrets, they all agree, and the cluster runs as before. */
async function settled(what: string, isWanted: (now: Values) => boolean): Promise<Values> {
  const found = await eventually(
    what,
    async () => {
      const now = await secretsNow(world, shop);
      return agree(now) && isWanted(now) ? now : null;
    },
    300_000,
  );
  await phase(world, where, shop.name, 'Running', 400_000);
  await allStreaming(world, shop);
  return found;
}

/** Each password, by the one who asks for it: PostgreSQL, and Patroni's REST API. */
async function isInForce(now: Values, before: Values | null): Promise<void> {
  const host = await serviceAddress(world, shop, shop.name);
  const roles = {
    app: 'app/password',
    postgres: 'credentials/POSTGRES_PASSWORD',
    standby: 'credentials/REPLICATION_PASSWORD',
  };
  for (const [role, place] of Object.entries(roles)) {
    expect(await loginAnswer(host, role, now[place] ?? ''), `${role} with what is published`).toBe('let in');
    if (before !== null && before[place] !== now[place])
      expect(await loginAnswer(host, role, before[place] ?? ''), `${role} with what was published before`).toBe(
        'refused',
      );
  }
  for (const pod of (await podsOf(world, shop)) ?? []) {
    expect(await restAnswer(pod, now['credentials/RESTAPI_PASSWORD'] ?? ''), `Patroni on ${pod.name}`).not.toBe(401);
    expect(await restAnswer(pod, 'another one'), `Patroni on ${pod.name}`).toBe(401);
  }
}

async function killed(): Promise<void> {
  Object.assign(lastWords, containerLogs(shop));
  await killOperator(world);
}

longerSuite('passwords', () => {
  beforeAll(async () => {
    since = auditMoment();
    commands = watchCommandLines();
    ({ world, shop, run } = await openDayTwo(where, 1));
    logins = await startLogins(world, shop, run);
  });

  afterAll(async () => {
    await logins.stop();
    await commands.stop();
    await run.close();
  });

  it('that were asked for are others everywhere: every pod anew once, one hand-over, nothing lost', async () => {
    const before = await secretsNow(world, shop);
    const { name: primary } = await primaryPod(world, shop);
    const measured = await run.measure({ name: 'rotation of all passwords', isPlanned: true }, async () => {
      await ask('first');
      await settled('other passwords being in force', (now) =>
        memberKeys.every((key) => now[`credentials/${key}`] !== before[`credentials/${key}`]),
      );
    });
    const after = await secretsNow(world, shop);
    for (const place of [...memberKeys.map((key) => `credentials/${key}`), 'app/password'])
      expect(after[place], place).not.toBe(before[place]);
    expect(await handled()).toBe('first');
    expect(each(measured)).toEqual([1, 1, 1]);
    expect((await primaryPod(world, shop)).name).not.toBe(primary);
    await isInForce(after, before);
  });

  it('that an application’s Secret is edited to are told to PostgreSQL, and nothing starts anew', async () => {
    const before = await secretsNow(world, shop);
    const password = 'chosen-by-hand-for-the-app-1';
    const measured = await run.measure(
      { name: 'password of the application chosen by hand', isPlanned: true },
      async () => {
        await patchSecret('app', { password });
        await settled('the chosen password being in force', (now) => now['app/password'] === password);
      },
    );
    expect(total(measured.starts)).toBe(0);
    expect(total(measured.recreations)).toBe(0);
    await isInForce(await secretsNow(world, shop), before);
  });

  it('of replication and superuser that are chosen by hand are in force, every pod anew once', async () => {
    const before = await secretsNow(world, shop);
    const chosen = {
      POSTGRES_PASSWORD: 'chosen-by-hand-for-postgres-1',
      REPLICATION_PASSWORD: 'chosen-by-hand-for-standby-1',
    };
    const measured = await run.measure({ name: 'passwords of members chosen by hand', isPlanned: true }, async () => {
      await patchSecret('credentials', chosen);
      await settled('the chosen passwords being in force', (now) =>
        Object.entries(chosen).every(([key, value]) => now[`credentials/${key}`] === value),
      );
    });
    expect(each(measured)).toEqual([1, 1, 1]);
    const after = await secretsNow(world, shop);
    expect(after['credentials/RESTAPI_PASSWORD']).toBe(before['credentials/RESTAPI_PASSWORD']);
    await isInForce(after, before);
  });

  it('that are no passwords are refused in words, and nothing is another one', async () => {
    const before = await secretsNow(world, shop);
    const measured = await run.measure({ name: 'password that is none', isPlanned: true }, async () => {
      await patchSecret('app', { password: 'two words and a "quote"' });
      const message = await eventually('the refusal', async () => {
        const path = 'jsonpath={.status.conditions[?(@.type=="RequestRefused")].message}';
        const told = await kubectl('get', 'postgrescluster', shop.name, '--output', path);
        return told.includes('password of Secret shop-app') ? told : null;
      });
      expect(message).not.toContain('two words');
      await patchSecret('app', { password: before['app/password'] ?? '' });
      await settled('the password of before being published', (now) => now['app/password'] === before['app/password']);
    });
    expect(total(measured.starts)).toBe(0);
    await isInForce(before, null);
  });

  it('come back as they were when the Secrets that people read are deleted', async () => {
    const before = await secretsNow(world, shop);
    const measured = await run.measure({ name: 'Secrets deleted that people read', isPlanned: true }, async () => {
      await kubectl('delete', 'secret', 'shop-credentials', 'shop-app');
      await settled('the Secrets being back', (now) => now['app/password'] !== undefined);
    });
    expect(total(measured.starts)).toBe(0);
    const after = await secretsNow(world, shop);
    for (const [place, value] of Object.entries(before)) expect(after[place] === value, place).toBe(true);
  });

  it('come back as they were when the Secret in force is deleted', async () => {
    const before = await secretsNow(world, shop);
    const measured = await run.measure({ name: 'Secret in force deleted', isPlanned: true }, async () => {
      await kubectl('delete', 'secret', 'shop-credentials-inforce');
      await settled('the Secret being back', (now) => now['credentials-inforce/POSTGRES_PASSWORD'] !== undefined);
    });
    expect(total(measured.starts)).toBe(0);
    const after = await secretsNow(world, shop);
    for (const [place, value] of Object.entries(before)) expect(after[place] === value, place).toBe(true);
  });

  it('are made anew through the local socket when all Secrets of members are gone', async () => {
    const before = await secretsNow(world, shop);
    const recreated = total(run.pods.recreations());
    expect(logins.unexplained()).toEqual([]);
    const measured = await run.measure({ name: 'Secrets of members lost', isPlanned: true }, async () => {
      // An operator that is awake makes the one anew out of the other before that is gone too.
      await whileOperatorRests(world, () =>
        kubectl('delete', 'secret', 'shop-credentials', 'shop-credentials-inforce'),
      );
      await eventually(
        'every pod being made anew',
        () => Promise.resolve(total(run.pods.recreations()) === recreated + 3),
        300_000,
      );
      await settled(
        'other passwords being in force',
        (now) => now['credentials/POSTGRES_PASSWORD'] !== before['credentials/POSTGRES_PASSWORD'],
      );
    });
    expect(each(measured)).toEqual([1, 1, 1]);
    await isInForce(await secretsNow(world, shop), null);
    // Nobody knew the passwords any more: what is made in their place stands in both Secrets before any role was told.
    unavoidable = logins.unexplained().length;
  });

  it('are made once, though the operator dies at each step of it', async () => {
    const before = await secretsNow(world, shop);
    const place = 'credentials/POSTGRES_PASSWORD';
    const had = logins.valuesOf(place).length;
    const recreated = total(run.pods.recreations());
    const measured = await run.measure(
      { name: 'rotation, the operator killed three times', isPlanned: true },
      async () => {
        await ask('second');
        await eventually(
          'new values being published',
          async () => (await secretsNow(world, shop))[place] !== before[place],
        );
        await killed();
        const inForce = 'credentials-inforce/POSTGRES_PASSWORD';
        await eventually(
          'them being in force',
          async () => (await secretsNow(world, shop))[inForce] !== before[inForce],
        );
        await killed();
        await eventually(
          'the first pod being replaced',
          () => Promise.resolve(total(run.pods.recreations()) > recreated),
          300_000,
        );
        await killed();
        await operatorReady(world);
        await eventually('the request being handled', async () => (await handled()) === 'second');
        await settled('the passwords being in force', (now) => now[place] !== before[place]);
      },
    );
    expect(each(measured)).toEqual([1, 1, 1]);
    expect(logins.valuesOf(place).length - had).toBe(1);
    await isInForce(await secretsNow(world, shop), before);
  });

  it('are not rotated while a Secret of that name is somebody else’s, and it stays as it is', async () => {
    const before = await secretsNow(world, shop);
    const foreign = { password: 'somebody-elses-password-1' };
    const measured = await run.measure({ name: 'Secret of somebody else', isPlanned: true }, async () => {
      await whileOperatorRests(world, async () => {
        await kubectl('delete', 'secret', 'shop-app');
        await patchSecret('app', foreign);
      });
      await ask('third');
      await eventually('the status saying why it waits', async () => {
        const told = await kubectl('get', 'postgrescluster', shop.name, '--output', 'jsonpath={.status}');
        return told.includes('Secret shop-app is not ours') && told.includes('Secret/shop-app stands in the way');
      });
      expect((await secretsNow(world, shop))['app/password']).toBe(foreign.password);
      expect((await secretsNow(world, shop))['credentials/POSTGRES_PASSWORD']).toBe(
        before['credentials/POSTGRES_PASSWORD'],
      );
      expect(await handled()).toBe('second');
      await kubectl('annotate', 'postgrescluster', shop.name, 'postgres.example.com/rotate-credentials-');
      await kubectl('delete', 'secret', 'shop-app');
      await settled('our Secret being back', (now) => now['app/password'] === before['app/password']);
    });
    expect(total(measured.starts)).toBe(0);
    await isInForce(before, null);
  });

  it('let every client in that says what is published, once it is in force', async () => {
    process.stdout.write(
      `logins ${JSON.stringify({ letIn: logins.letIn(), refused: logins.refused(), longestRefusedMs: logins.longestRefusedMs() })}\n`,
    );
    expect(logins.unexplained().slice(unavoidable)).toEqual([]);
    // Some ten a second on a calm machine; how many were tried depends on it, and that every role was does not.
    expect(logins.letIn()).toBeGreaterThan(100);
    expect(await run.writer.lost()).toEqual([]);
    expect(run.probes.twoPrimaries()).toEqual([]);
  });

  it('stand in Secrets alone: not in the journal, logs, status, events, requests or command lines', async () => {
    const values = logins.values();
    expect(values.length).toBeGreaterThan(20);
    const place = { 'a place that has one': Buffer.from(`password=${values[0]?.value ?? ''}`) };
    expect(leaks(values, place)).not.toEqual([]);
    const places = {
      ...lastWords,
      ...containerLogs(shop),
      ...(await journalDisk(world)),
      ...(await objects(world, shop)),
      ...auditLog(since),
      ...(await postgresLogs(world, shop)),
      ...commands.seen(),
    };
    const silent = Object.keys(places).filter((each) => places[each]?.length === 0);
    // An operator that was killed before its first word has a log without one.
    expect(silent.filter((each) => !each.includes(`/${operatorNamespace}_`))).toEqual([]);
    expect(Object.keys(places).filter((each) => each.includes(`/${operatorNamespace}_`)).length).toBeGreaterThan(
      silent.length,
    );
    expect(leaks(values, places)).toEqual([]);
    const verifier = Buffer.from('SCRAM-SHA-256$');
    expect(
      Object.entries(places)
        .filter(([, bytes]) => bytes.includes(verifier))
        .map(([place]) => place),
    ).toEqual([]);
  });
});
