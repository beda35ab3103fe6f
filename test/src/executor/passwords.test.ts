/** Passwords of roles: what reaches the server, what it is asked, and what becomes of it; no value in any outcome or argument. */
import { describe, expect, it } from 'vitest';
import { alterScript, isVerifierOf, probeScript, setPasswords, type Values } from '#src/executor/effects/passwords.ts';
import { scramVerifier } from '#src/executor/effects/sql.ts';
import { digestWith } from '#src/operator/digest-key.ts';
import type { ExecRequest } from '#src/kube/exec.ts';
import type { SqlRequest } from '#src/decision/record.ts';

const salt = new Uint8Array(16).fill(3);
const request: SqlRequest = {
  type: 'sql',
  namespace: 'team',
  pod: 'shop-0',
  container: 'postgres',
  procedure: 'set-passwords',
  arguments: { owner: 'clerk', credentials: 'shop-credentials', application: 'shop-app' },
  secret: null,
};
const credentials = {
  POSTGRES_PASSWORD: 'super-1234',
  REPLICATION_PASSWORD: 'stream-1234',
  RESTAPI_PASSWORD: 'rest-1234',
};
const application = { password: 'clerk-1234' };
const digest = digestWith(new Uint8Array(32).fill(9));

/** A server with these verifiers; runs what it is told. */
function server(roles: Record<string, string>, over: { readonly role?: string; readonly code?: number } = {}) {
  const asked: ExecRequest[] = [];
  const { role = 'primary', code = 0 } = over;
  return {
    asked,
    roles,
    set: (values: { readonly credentials?: Values; readonly application?: Values } = {}) =>
      setPasswords(request, {
        digest,
        chance: { fraction: () => 0, bytes: (length) => salt.slice(0, length) },
        credentials,
        application,
        ...values,
        runInPod: async (each) => {
          asked.push(each);
          if (code !== 0) return { exitCode: code, output: '', errors: '' };
          for (const [, name = '', verifier = ''] of each.input.matchAll(/^ALTER ROLE "(.*)" PASSWORD '(.*)';$/gm))
            roles[name] = verifier;
          const listed = Object.entries(roles).map(([name, verifier]) => `role ${name} ${verifier}\n`);
          const output = each.input.includes('FROM pg_authid') ? listed.join('') : 'told\n';
          return { exitCode: 0, output: `${role}\n${output}`, errors: '' };
        },
      }),
  };
}

describe('a verifier', () => {
  it('is one of its password, whatever salt and rounds, and of no other', () => {
    for (const rounds of [4096, 10_000]) {
      const verifier = scramVerifier('right-1234', salt, rounds);
      expect(isVerifierOf(verifier, 'right-1234')).toBe(true);
      expect(isVerifierOf(verifier, 'wrong-1234')).toBe(false);
    }
  });

  it.each(['', 'md5e8a48653851e28c69d0506508fb27fc5', 'SCRAM-SHA-256$x'])('of another method is nobody’s: %j', (text) =>
    expect(isVerifierOf(text, 'right-1234')).toBe(false),
  );
});

describe('passwords of roles', () => {
  it('are told to those that have others, and to nobody else; a second time nothing is told', async () => {
    const before = scramVerifier('stream-1234', salt);
    const { asked, roles, set } = server({ postgres: '', standby: before, clerk: scramVerifier('old-12345', salt) });
    const first = await set();
    expect(asked.map(({ input }) => [...input.matchAll(/ALTER ROLE "(\w+)"/g)].map(([, role]) => role))).toEqual([
      [],
      ['postgres', 'clerk'],
    ]);
    expect(isVerifierOf(roles['postgres'] ?? '', 'super-1234')).toBe(true);
    expect(roles['standby']).toBe(before);
    expect(isVerifierOf(roles['clerk'] ?? '', 'clerk-1234')).toBe(true);
    expect(await set()).toEqual(first);
    expect(asked.length).toBe(3);
  });

  it('become digests that are those of the Secret in force', async () => {
    const data = Object.fromEntries(
      Object.entries({ ...credentials, APPLICATION_PASSWORD: application.password }).map(([key, value]) => [
        key,
        Buffer.from(value, 'utf8').toString('base64'),
      ]),
    );
    const { keyId, values } = digest({ namespace: 'team', name: 'shop-credentials-inforce' }, data);
    const { RESTAPI_PASSWORD: _noRole, ...roles } = values;
    expect(await server({ postgres: '' }).set()).toEqual({ type: 'done', result: { keyId, ...roles } });
  });

  it('stand in no argument, no script and no outcome', async () => {
    const { asked, set } = server({ postgres: '', standby: '', clerk: '' });
    const shown = JSON.stringify([await set(), asked]);
    for (const value of [...Object.values(credentials), application.password]) expect(shown).not.toContain(value);
  });

  it('of a role that is not there yet are told to nobody', async () => {
    const { asked, set } = server({ postgres: scramVerifier('super-1234', salt) });
    expect((await set()).type).toBe('done');
    expect(asked.length).toBe(1);
  });

  it.each([
    ['short', 'shop-credentials', { credentials: { ...credentials, REPLICATION_PASSWORD: 'kurz' } }],
    ['a quote', 'shop-credentials', { credentials: { ...credentials, POSTGRES_PASSWORD: 'it’s-1234-and' } }],
    ['a backslash', 'shop-credentials', { credentials: { ...credentials, RESTAPI_PASSWORD: 'back\\slash-1' } }],
    ['a line', 'shop-app', { application: { password: 'two\nlines-1234' } }],
  ])('are refused before anything is asked, without telling the value: %s', async (_what, secret, values) => {
    const { asked, set } = server({});
    const outcome = await set(values);
    expect(outcome).toMatchObject({ type: 'refused', reason: 'PasswordRefused' });
    expect(JSON.stringify(outcome)).toContain(`of Secret ${secret} must be 8 to 128`);
    expect(JSON.stringify(outcome)).not.toMatch(/kurz|it’s|slash-1|lines-/);
    expect(asked).toEqual([]);
  });

  it('are not told to a standby, nor taken for told where psql fails', async () => {
    expect(await server({}, { role: 'standby' }).set()).toMatchObject({ type: 'transient', reason: 'NotPrimary' });
    expect(await server({}, { code: 3 }).set()).toMatchObject({ type: 'transient', reason: 'StatementFailed' });
  });

  // Hazard: under `synchronous: Required` without a replica each try left a session that waited for ever and held a slot.
  it('are told without waiting for a replica', () => {
    const script = alterScript([{ role: 'postgres', verifier: 'v' }]);
    expect(script).toMatch(/^SET synchronous_commit = local;$[^]*^BEGIN;$/m);
  });

  it('are told all or none, and no log of the server shows them', () => {
    const script = alterScript([{ role: 'we"ird', verifier: "v'1" }]);
    expect(script).toContain(`BEGIN;\nALTER ROLE "we""ird" PASSWORD 'v''1';\nCOMMIT;`);
    for (const each of [script, probeScript(['postgres'])]) expect(each).toMatch(/log_statement = 'none'/);
  });
});
