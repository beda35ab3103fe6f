/** Effects: what fills a template, how answers become outcomes, and that no secret gets out. */
import { describe, expect, it } from 'vitest';
import { failedOutcome } from '#src/executor/outcomes.ts';
import { filled } from '#src/executor/holes.ts';
import { generatePassword, generateValues, withData } from '#src/executor/effects/secret.ts';
import { databaseScript, ensureApplicationDatabase, scramVerifier } from '#src/executor/effects/sql.ts';
import { actingMs, leaseDurationMs } from '#src/kube/deadlines.ts';
import type { ExecRequest } from '#src/kube/exec.ts';
import { makeExecutor, type Ended } from '#src/executor/executor.ts';
import type { ExecutorPorts } from '#src/executor/ports.ts';
import type { IntentRecord } from '#src/decision/record.ts';
import type { Answer } from '#src/kube/request.ts';
import type { WireRequest } from '#src/kube/api.ts';

const chance = {
  fraction: () => 0.5,
  bytes: (length: number) => Uint8Array.from({ length }, (_, index) => (index * 37) % 256),
};

function refusal(status: number, reason: string, message = 'because'): Exclude<Answer, { type: 'ok' }> {
  return { type: 'refused', status, reason, message, retryAfterMs: null, body: null };
}

describe('answers as outcomes', () => {
  it.each([
    [refusal(404, 'NotFound'), 'absent'],
    [refusal(409, 'AlreadyExists'), 'conflict'],
    [refusal(422, 'Invalid', 'metadata.uid: Invalid value: "x": field is immutable'), 'conflict'],
    // Hazard: a repair that met a newer object was told as one that the API server will never take.
    [refusal(422, 'Invalid', 'the server rejected our request due to an error in our request'), 'conflict'],
    [refusal(422, 'Invalid'), 'refused'],
    [refusal(403, 'Forbidden'), 'refused'],
    [refusal(429, 'TooManyRequests'), 'transient'],
    [refusal(503, 'ServiceUnavailable'), 'transient'],
    [{ type: 'unknown', because: 'reset' } as const, 'unknown'],
    [{ type: 'not-sent', because: 'refused' } as const, 'transient'],
  ])('%j is %s', (answer, type) => expect(failedOutcome(answer, false).type).toBe(type));

  it('keeps the server’s words about a Secret to itself, since they may quote a value', () => {
    expect(JSON.stringify(failedOutcome(refusal(422, 'Invalid', 'data.password: CANARY'), true))).not.toContain(
      'CANARY',
    );
  });
});

describe('templates', () => {
  it('are sent as journaled but for their holes', () => {
    const body = '{"a":{"$effect":""},"status":{"journal":{"$anchor":""},"b":"{\\"$effect\\":1}"}}';
    expect(filled(body, { effectKey: 'u-1-2-0', anchor: { epoch: 1, seq: 2, head: 'h' } })).toBe(
      '{"a":"u-1-2-0","status":{"journal":{"epoch":1,"seq":2,"head":"h"},"b":"{\\"$effect\\":1}"}}',
    );
  });
});

describe('generated values', () => {
  it('have the length and alphabet that fits a URI, a shell and JSON alike', () => {
    expect(generatePassword(32, chance)).toMatch(/^[A-Za-z0-9]{32}$/);
  });

  it('copy, expand and never generate what is to be copied', async () => {
    const made = await generateValues(
      [
        { key: 'password', generator: { type: 'copy', secret: 'other', key: 'p' } },
        { key: 'twin', generator: { type: 'copy', secret: '', key: 'password' } },
        { key: 'uri', generator: { type: 'uri', template: 'x://u:{{password}}@h' } },
      ],
      async () => ({ type: 'read', data: { p: 'a b' } }),
      chance,
    );
    expect(made.type === 'values' ? Object.fromEntries(made.values) : made).toEqual({
      password: 'a b',
      twin: 'a b',
      uri: 'x://u:a%20b@h',
    });
  });

  it('are not made when what they copy cannot be read', async () => {
    const made = await generateValues(
      [{ key: 'k', generator: { type: 'copy', secret: 'gone', key: 'k' } }],
      async () => refusal(404, 'NotFound'),
      chance,
    );
    expect(made.type).toBe('refused');
  });

  it('go into data as base64', () => {
    expect(withData('{"kind":"Secret"}', new Map([['k', 'v']]))).toBe('{"kind":"Secret","data":{"k":"dg=="}}');
  });
});

describe('the application database', () => {
  it('is given a verifier that PostgreSQL itself would make', () => {
    // Made by PostgreSQL's own algorithm with this salt: RFC 5802 with SHA-256, 4096 iterations.
    const verifier = scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));
    expect(verifier).toMatch(/^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$/);
    expect(verifier).toContain(
      'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });

  it('quotes names, and bears no password', () => {
    const script = databaseScript('a"b', "o'x", 'SCRAM$v');
    expect(script).toContain('CREATE ROLE "o\'\'x" LOGIN');
    expect(script).toContain('CREATE DATABASE "a""b" OWNER "o\'\'x"');
  });

  // Hazard: under `synchronous: Required` without a replica each try left a session that waited for ever and held a slot.
  it('waits for no replica', () => {
    for (const isMade of [false, true]) {
      const script = databaseScript('app', 'clerk', 'SCRAM$v', isMade);
      const set = script.indexOf('SET synchronous_commit = local;');
      expect(set).toBeGreaterThanOrEqual(0);
      expect(set).toBeLessThan(script.indexOf('CREATE ROLE'));
    }
  });

  // Hazard: a failover that left behind only the second statement left a role without a password, and it was never told it.
  it('is never owned by a role without its password', () => {
    expect(databaseScript('app', 'clerk', 'SCRAM$v')).toContain(`'CREATE ROLE "clerk" LOGIN PASSWORD ''SCRAM$v'''`);
  });

  it('looks for what was made before, makes what is missing, and changes nothing that is there', () => {
    const script = databaseScript('app', 'clerk', 'SCRAM$v', true);
    expect(script).not.toContain('ALTER');
    expect(script).toContain(`'CREATE ROLE "clerk" LOGIN PASSWORD ''SCRAM$v''' WHERE NOT EXISTS`);
    expect(script).toContain(`'CREATE DATABASE "app" OWNER "clerk"' WHERE NOT EXISTS`);
    expect(script).not.toContain("r.rolname = 'clerk')");
  });

  it('sets the password before anybody else may hold the Lease or not at all, and outlives nobody for long', async () => {
    const asked: ExecRequest[] = [];
    const secret = { name: 's', key: 'password' };
    const place = { namespace: 'n', pod: 'p', container: 'postgres' };
    await ensureApplicationDatabase(
      {
        type: 'sql',
        ...place,
        procedure: 'ensure-application-database',
        arguments: { database: 'app', owner: 'app' },
        secret,
      },
      {
        chance,
        password: 'x',
        runInPod: async (request) => {
          asked.push(request);
          return { exitCode: 0, output: '', errors: '' };
        },
      },
    );
    const { connectMs = Infinity, timeoutMs, command, input } = asked[0] ?? expect.fail('nothing ran');
    const limits = [...input.matchAll(/statement_timeout = (\d+)/g)].map(([, ms]) => Number(ms));
    const [passwordMs = Infinity, creationMs = Infinity] = limits;
    expect(connectMs + passwordMs).toBeLessThan(leaseDurationMs - actingMs);
    const places = ['statement_timeout', 'ALTER ROLE', `statement_timeout = ${creationMs}`, 'CREATE DATABASE'];
    expect(places.map((each) => input.indexOf(each))).toEqual(
      places.map((each) => input.indexOf(each)).toSorted((x, y) => x - y),
    );
    // The command ends by itself, later than its statements and before it is given up.
    const [timeout, , signal, seconds] = command;
    expect([timeout, signal]).toEqual(['timeout', 'KILL']);
    expect(Number(seconds) * 1000).toBeGreaterThan(passwordMs + creationMs);
    expect(timeoutMs).toBeGreaterThan(Number(seconds) * 1000);
    expect(input).toContain('client_connection_check_interval');
  });

  it.each([
    ['done 170012\n', { type: 'done', result: { database: 'app/app', serverMajor: '17' } }],
    ['standby\n', { type: 'transient', reason: 'NotPrimary' }],
    ['', { type: 'transient', reason: 'StatementFailed' }],
  ])('%j ends as told', async (output, expected) => {
    const inputs: string[] = [];
    const outcome = await ensureApplicationDatabase(
      {
        type: 'sql',
        namespace: 'n',
        pod: 'p',
        container: 'postgres',
        procedure: 'ensure-application-database',
        arguments: { database: 'app', owner: 'app' },
        secret: { name: 's', key: 'password' },
      },
      {
        chance,
        password: 'CANARY',
        runInPod: async ({ command, input }) => {
          inputs.push(input, ...command);
          return { exitCode: 0, output, errors: 'ERROR: CANARY' };
        },
      },
    );
    expect(outcome).toMatchObject(expected);
    expect(JSON.stringify([outcome, inputs])).not.toContain('CANARY');
  });
});

describe('the executor', () => {
  const intent: IntentRecord = {
    ordinal: 0,
    type: 'DeleteObject',
    class: 'D',
    target: { kind: 'Service', name: 's' },
    because: 'test',
    request: { type: 'api', method: 'DELETE', path: '/x', query: {}, contentType: null, body: null, generated: [] },
  };
  const work = { cluster: { uid: 'u', namespace: 'n', name: 'c' }, stamp: { epoch: 2, seq: 7, at: 0 }, intent };

  function ports(over: Partial<ExecutorPorts>): { readonly ports: ExecutorPorts; readonly sent: WireRequest[] } {
    const sent: WireRequest[] = [];
    return {
      sent,
      ports: {
        send: async (request) => {
          sent.push(request);
          return { type: 'ok', body: {} };
        },
        get: async () => ({ type: 'ok', body: {} }),
        runInPod: async () => ({ exitCode: 0, output: '', errors: '' }),
        project: () => null,
        ownership: () => ({ ownedHash: null, foreign: [] }),
        mayAct: () => true,
        epoch: () => 2,
        digest: () => null,
        head: () => null,
        chance,
        crash: { hit: () => undefined },
        ...over,
      },
    };
  }

  async function endOf(
    over: Partial<ExecutorPorts>,
  ): Promise<{ readonly ended: Ended; readonly sent: readonly WireRequest[] }> {
    const { ports: given, sent } = ports(over);
    const ended = await new Promise<Ended>((resolve) => makeExecutor(given, () => 0, resolve).execute(work));
    return { ended, sent };
  }

  it('tells of a Secret that could not be read apart from one without a password', async () => {
    const database: IntentRecord = {
      ...intent,
      type: 'CreateDatabase',
      class: 'E',
      target: { kind: 'Pod', name: 'c-0' },
      request: {
        type: 'sql',
        namespace: 'n',
        pod: 'c-0',
        container: 'postgres',
        procedure: 'ensure-application-database',
        arguments: { database: 'app', owner: 'app' },
        secret: { name: 'c-app', key: 'password' },
      },
    };
    const outcomeOf = (get: ExecutorPorts['get']): Promise<unknown> =>
      new Promise((resolve) =>
        makeExecutor(
          ports({ get }).ports,
          () => 0,
          ({ outcome }) => resolve(outcome),
        ).execute({ ...work, intent: database }),
      );
    const away = await outcomeOf(async () => ({ type: 'not-sent', because: 'connection refused' }));
    expect(away).toMatchObject({ type: 'transient', reason: 'NotSent' });
    const gone = await outcomeOf(async () => ({
      type: 'refused',
      status: 404,
      reason: 'NotFound',
      message: '',
      retryAfterMs: null,
      body: null,
    }));
    expect(gone).toMatchObject({ type: 'transient', reason: 'SecretMissing' });
  });

  it('sends each intent with an Audit-ID that names its row', async () => {
    const { ended, sent } = await endOf({});
    expect(ended.outcome).toEqual({ type: 'deleted' });
    expect(sent.map(({ auditId }) => auditId)).toEqual(['u-2-7-0']);
  });

  it.each([
    ['without the Lease', { mayAct: () => false }],
    ['in another term', { epoch: () => 3 }],
  ])('withholds %s', async (_, over) => {
    const { ended, sent } = await endOf(over);
    expect(ended.outcome.type).toBe('withheld');
    expect(sent).toEqual([]);
  });

  it('withholds at the send itself, when the Lease was lost while something was read first', async () => {
    let mayAct = true;
    const { ports: given, sent } = ports({
      mayAct: () => mayAct,
      get: async () => {
        mayAct = false;
        return { type: 'ok', body: { data: { p: '' } } };
      },
    });
    const generated = [{ key: 'k', generator: { type: 'copy', secret: 'other', key: 'p' } }] as const;
    const secret: IntentRecord = {
      ...intent,
      type: 'CreateSecret',
      class: 'C',
      request: { type: 'api', method: 'PATCH', path: '/x', query: {}, contentType: null, body: '{}', generated },
    };
    const ended = await new Promise<Ended>((resolve) =>
      makeExecutor(given, () => 0, resolve).execute({ ...work, intent: secret }),
    );
    expect(ended.outcome).toEqual({ type: 'withheld', reason: 'this process does not hold the Lease' });
    expect(sent).toEqual([]);
  });

  it('ends every intent in an outcome, whatever is thrown', async () => {
    const { ended } = await endOf({ send: () => Promise.reject(new Error('boom')) });
    expect(ended.outcome).toEqual({ type: 'unknown', reason: 'boom' });
  });

  it('takes nothing more once it drains', async () => {
    const { ports: given, sent } = ports({});
    const ended: Ended[] = [];
    const executor = makeExecutor(
      given,
      () => 0,
      (each) => ended.push(each),
    );
    await executor.drain();
    executor.execute(work);
    await executor.drain();
    expect(ended.map(({ outcome }) => outcome.type)).toEqual(['withheld']);
    expect(sent).toEqual([]);
  });
});
