/**
 * Owns: class E as far as passwords of roles go: probe, act, probe, through the local socket of the primary, which trusts.
 * Roles are told what the Secrets say that people read; a role that has that password already is left alone. What reaches
 * the server are SCRAM verifiers computed here; what it has is compared here too. Only digests become the outcome.
 * Recovery: it begins with a probe and may be repeated, later than the command in the pod may live.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Outcome } from '#machines/cluster/observations.ts';
import { applicationKey, memberKeys, rolesOf } from '#machines/cluster/tables/credentials.ts';
import type { SqlRequest } from '#src/decision/record.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import type { Chance } from '#src/ports.ts';
import type { Digest } from '#src/stream/door/objects.ts';
import { identifier, literal, mayWrite, psql, scramVerifier, transient, waitsForNobody } from './sql.ts';

const connectMs = 3_000;
const statementMs = 2_500;
/** From the command's start to its end, held by the pod itself. */
const runSeconds = 5;
const timeoutMs = 9_000;

/** What stands in a shell, in YAML and in JSON as it is, and that libpq does not normalise. */
const grammar = /^[A-Za-z0-9!#%&()*+,\-./:;<=>?@[\]^_{|}~]{8,128}$/;
const rule = 'must be 8 to 128 letters, digits or signs of ASCII, without blanks, quotes, backslash and $';

/** A Secret's values, decoded. */
export type Values = Readonly<Record<string, string>>;

export interface PasswordPorts {
  readonly runInPod: RunInPod;
  readonly chance: Chance;
  readonly digest: Digest;
  /** Of the Secret with the passwords of members, and of the application's. */
  readonly credentials: Values;
  readonly application: Values;
}

interface Role {
  readonly key: string;
  readonly role: string;
  readonly password: string;
}

/** Silent, and refused on a standby: its passwords come from the primary. */
const preamble = [
  `SET statement_timeout = ${statementMs};`,
  "SET log_statement = 'none';",
  'SET log_min_duration_statement = -1;',
  "SET log_min_error_statement = 'panic';",
  "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END;",
];

/** What the server has of each role: `role NAME VERIFIER`. */
export function probeScript(roles: readonly string[]): string {
  const list = roles.map(literal).join(', ');
  return [
    ...preamble,
    `SELECT 'role ' || rolname || ' ' || coalesce(rolpassword, '') FROM pg_authid WHERE rolname IN (${list});`,
    '',
  ].join('\n');
}

/** Tells each role its verifier, all or none. */
export function alterScript(roles: readonly { readonly role: string; readonly verifier: string }[]): string {
  return [
    ...preamble,
    waitsForNobody,
    mayWrite,
    'BEGIN;',
    ...roles.map(({ role, verifier }) => `ALTER ROLE ${identifier(role)} PASSWORD ${literal(verifier)};`),
    'COMMIT;',
    "SELECT 'told';",
    '',
  ].join('\n');
}

/** Whether a verifier of the server's is one of this password; false for another method, and for none. */
export function isVerifierOf(verifier: string, password: string): boolean {
  const [, iterations = '', salt = ''] = /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$/.exec(verifier) ?? [];
  if (iterations === '') return false;
  const expected = scramVerifier(password, Buffer.from(salt, 'base64'), Number(iterations));
  return expected.length === verifier.length && timingSafeEqual(Buffer.from(expected), Buffer.from(verifier));
}

function rolesIn({ owner = '' }: Values, { credentials, application }: PasswordPorts): readonly Role[] {
  return Object.entries(rolesOf(owner)).flatMap(([key, role]) => {
    const password = key === applicationKey ? application['password'] : credentials[key];
    return password === undefined ? [] : [{ key, role, password }];
  });
}

/** The first value that no role may have, in words that do not tell it. */
function unusable(request: SqlRequest, { credentials, application }: PasswordPorts): string | null {
  const all = [
    ...memberKeys.map((key) => ({ secret: request.arguments['credentials'], key, value: credentials[key] })),
    { secret: request.arguments['application'], key: 'password', value: application['password'] },
  ];
  const found = all.find(({ value }) => value !== undefined && !grammar.test(value));
  return found === undefined ? null : `${found.key} of Secret ${found.secret ?? ''} ${rule}`;
}

/** Digests of what roles have now, by key of the Secret in force. */
function told(request: SqlRequest, { credentials, application, digest }: PasswordPorts): Outcome {
  const { namespace } = request;
  const of = (name: string | undefined, values: Values): ReturnType<Digest> =>
    digest(
      { namespace, name: name ?? '' },
      Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]),
      ),
    );
  const people = of(request.arguments['credentials'], credentials);
  const { password } = of(request.arguments['application'], application).values;
  const kept = Object.keys(rolesOf('')).flatMap((key) => {
    const value = key === applicationKey ? password : people.values[key];
    return value === undefined ? [] : [[key, value]];
  });
  return { type: 'done', result: { keyId: people.keyId, ...Object.fromEntries(kept) } };
}

/**
 * Makes the passwords of superuser, replication and application those that the Secrets say.
 * @returns done with digests of them; refused for a value that cannot be a password; transient on a standby
 */
export async function setPasswords(request: SqlRequest, ports: PasswordPorts): Promise<Outcome> {
  const { namespace, pod, container } = request;
  const message = unusable(request, ports);
  if (message !== null) return { type: 'refused', reason: 'PasswordRefused', message };
  const roles = rolesIn(request.arguments, ports);
  const run = (input: string): ReturnType<RunInPod> => {
    const command = ['timeout', '-s', 'KILL', String(runSeconds), ...psql];
    return ports.runInPod({ namespace, pod, container, command, input, connectMs, timeoutMs });
  };
  const failed = (code: number | null): Outcome =>
    transient('StatementFailed', `psql in ${pod} ended with code ${code ?? 'unknown'} before passwords were set`);
  try {
    const probed = await run(probeScript(roles.map(({ role }) => role)));
    if (/^standby$/m.test(probed.output))
      return transient('NotPrimary', `${pod} is in recovery, its database is read-only`);
    if (probed.exitCode !== 0 || !/^primary$/m.test(probed.output)) return failed(probed.exitCode);
    const has = new Map(
      [...probed.output.matchAll(/^role (\S+) (.*)$/gm)].map(([, role = '', verifier = '']) => [role, verifier]),
    );
    const others = roles.filter(({ role, password }) => has.has(role) && !isVerifierOf(has.get(role) ?? '', password));
    if (others.length > 0) {
      const verifiers = others.map(({ role, password }) => ({
        role,
        verifier: scramVerifier(password, ports.chance.bytes(16)),
      }));
      const altered = await run(alterScript(verifiers));
      if (altered.exitCode !== 0 || !/^told$/m.test(altered.output)) return failed(altered.exitCode);
    }
    return told(request, ports);
  } catch (error) {
    return { type: 'unknown', reason: `exec in ${pod}: ${error instanceof Error ? error.message : 'no answer'}` };
  }
}
