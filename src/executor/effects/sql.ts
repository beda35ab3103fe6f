/**
 * Owns: class E as far as the application database needs it: probe, act, probe, through the local socket of the primary,
 * SQL on standard input. The password reaches the server only as a SCRAM verifier computed here.
 * Recovery: the procedure begins with a probe and is idempotent; after an unknown outcome it is run again, later than
 * the server's own statement timeout.
 * After the Lease: what overwrites something, the password, comes first, on a connection that was made in time, and is given
 * up soon; what may take long, the database, is only ever created, and whoever leads then wants the same.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { Outcome } from '#machines/cluster/observations.ts';
import { bootKey, positionKey } from '#machines/cluster/tables/configuration.ts';
import { startedKey } from '#machines/cluster/tables/requests.ts';
import type { SqlRequest } from '#src/decision/record.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import type { Chance } from '#src/ports.ts';

const iterations = 4096;
/** Until the command has its input. With the password's statement no longer than any other change (held by a test). */
const connectMs = 3_000;
const passwordMs = 2_500;
/** A template is copied: seconds on a slow volume. */
const creationMs = 30_000;
/** From the command's start to its end, held by the pod itself: whatever becomes of the connection. */
const runSeconds = 40;
/** Until its end is known. */
const timeoutMs = 45_000;

/** A PostgreSQL SCRAM-SHA-256 verifier for a password of ASCII. */
export function scramVerifier(password: string, salt: Uint8Array, rounds: number = iterations): string {
  const salted = pbkdf2Sync(password, salt, rounds, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${rounds}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`;
}

/** A name as SQL quotes it. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL quotes it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * No statement of ours waits for a replica. Where none streams it would wait for ever, since no timeout of a statement holds for its
 * commit, and the server goes on waiting when its client is gone: with each try one more connection slot, also of those for
 * superusers, until the replica's Patroni gets none on the leader and does not follow. Nothing rests on a replica's word: what was
 * made, and what roles were told, is looked for again on each new timeline.
 */
export const waitsForNobody = 'SET synchronous_commit = local;';

/** Where the spec's parameters, or somebody by hand, make sessions read-only by default, ours are not: what they write is asked for. */
export const mayWrite = 'SET default_transaction_read_only = off;';

/**
 * The script: refuses on a standby, makes or alters the role, makes the database, and says what is there afterwards.
 * @param isMade it was there before, on another timeline: only what is missing is made, and what people changed stays theirs
 */
export function databaseScript(database: string, owner: string, verifier: string, isMade = false): string {
  const [role, name] = [identifier(owner), identifier(database)];
  const belongs = isMade ? '' : ` AND r.rolname = ${literal(owner)}`;
  return [
    `SET statement_timeout = ${passwordMs};`,
    waitsForNobody,
    mayWrite,
    "SET client_connection_check_interval = '250ms';",
    "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END AS role \\gset",
    '\\if :{?role}',
    `SELECT (:'role' = 'primary') AS writable \\gset`,
    '\\if :writable',
    // With its password at once: after a failover in between, a role that is there would not be told it.
    `SELECT ${literal(`CREATE ROLE ${role} LOGIN PASSWORD ${literal(verifier)}`)} WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = ${literal(owner)}) \\gexec`,
    ...(isMade ? [] : [`ALTER ROLE ${role} LOGIN PASSWORD ${literal(verifier)};`]),
    `SET statement_timeout = ${creationMs};`,
    `SELECT ${literal(`CREATE DATABASE ${name} OWNER ${role}`)} WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = ${literal(database)}) \\gexec`,
    `SELECT 'done ' || current_setting('server_version_num') WHERE EXISTS (SELECT 1 FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = ${literal(database)}${belongs});`,
    '\\else',
    "SELECT 'standby';",
    '\\endif',
    '\\endif',
    '',
  ].join('\n');
}

export interface SqlPorts {
  readonly runInPod: RunInPod;
  /** The owner's, from its Secret; null when there is none. */
  readonly password: string | null;
  readonly chance: Chance;
}

/** Not now. */
export function transient(reason: string, message: string): Outcome {
  return { type: 'transient', reason, message, retryAfterMs: null };
}

function verdict(request: SqlRequest, result: { readonly exitCode: number | null; readonly output: string }): Outcome {
  const { database = '', owner = '' } = request.arguments;
  const done = /^done (\d+)$/m.exec(result.output);
  if (done !== null) {
    const major = String(Math.floor(Number(done[1]) / 10_000));
    return { type: 'done', result: { database: `${database}/${owner}`, serverMajor: major } };
  }
  if (/^standby$/m.test(result.output))
    return transient('NotPrimary', `${request.pod} is in recovery, its database is read-only`);
  // Error text may quote a statement, hence a verifier: only the exit code is told.
  return transient(
    'StatementFailed',
    `psql in ${request.pod} ended with code ${result.exitCode ?? 'unknown'} before database ${database} was there`,
  );
}

const nameGrammar = /^[a-z_][a-z0-9_.]*$/i;

/** Since when PostgreSQL runs, in seconds; the same text however often it is asked. */
export const startedQuery = 'SELECT extract(epoch FROM pg_postmaster_start_time())';

/** How much WAL there is, in bytes: written by a primary, replayed by a standby. */
const positionQuery =
  "SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')";

/**
 * Texts as they stand in the configuration, as far as PostgreSQL takes them: what it shows of a time zone or a style of dates is
 * its own spelling, and what it refuses must not pass for the value.
 */
const textsQuery =
  'SELECT DISTINCT ON (lower(name)) lower(name) AS name, setting FROM pg_file_settings WHERE applied ORDER BY lower(name), seqno DESC';

/**
 * Two lines for each parameter: its name, a blank, its value in the setting's own unit; and what it is by itself. Then since when
 * it runs, and how far its WAL is. Told is what the server has: `setting` is this session's, with its own timeout, its own name,
 * and none of what concerns TCP.
 */
export function settingsScript(names: readonly string[]): string {
  const list = names.filter((name) => nameGrammar.test(name)).map(literal);
  return [
    'SET statement_timeout = 5000;',
    "SELECT lower(s.name) || ' ' || coalesce(CASE s.vartype WHEN 'string' THEN f.setting END, s.reset_val, '')",
    `FROM pg_settings s LEFT JOIN (${textsQuery}) f ON f.name = lower(s.name)`,
    `WHERE lower(s.name) IN (${list.join(', ')}) ORDER BY 1;`,
    `SELECT lower(name) || '/boot ' || boot_val FROM pg_settings WHERE lower(name) IN (${list.join(', ')}) ORDER BY 1;`,
    `SELECT '${startedKey} ' || (${startedQuery});`,
    `SELECT '${positionKey} ' || (${positionQuery});`,
    '',
  ].join('\n');
}

/** A question changes nothing, so it may outlast the Lease; a command on a busy node takes longer than the statement. */
const readTimeoutMs = 20_000;
/** Statements on standard input, rows as they are on standard output. */
export const psql = [
  'psql',
  '-U',
  'postgres',
  '-d',
  'postgres',
  '-X',
  '-q',
  '-A',
  '-t',
  '-v',
  'ON_ERROR_STOP=1',
  '-f',
  '-',
];

/** Reads parameters of a member, as its server has them. Changes nothing. */
export async function readSettings(request: SqlRequest, runInPod: RunInPod): Promise<Outcome> {
  const names = (request.arguments['names'] ?? '').split(',').filter((name) => name !== '');
  const { namespace, pod, container } = request;
  try {
    const input = settingsScript(names);
    const ended = await runInPod({ namespace, pod, container, command: psql, input, timeoutMs: readTimeoutMs });
    // It starts, stops, or is not there yet: it has said nothing, and is asked again.
    if (ended.exitCode === 2) return { type: 'done', result: {} };
    if (ended.exitCode !== 0)
      return transient('StatementFailed', `psql in ${pod} ended with code ${ended.exitCode ?? 'unknown'}`);
    const wanted = new Set([startedKey, positionKey, ...names.flatMap((name) => [name, bootKey(name)])]);
    const rows = ended.output.split('\n').map((line): [string, string] => {
      const blank = line.indexOf(' ');
      return [line.slice(0, Math.max(0, blank)), line.slice(blank + 1)];
    });
    return { type: 'done', result: Object.fromEntries(rows.filter(([name]) => wanted.has(name))) };
  } catch (error) {
    return { type: 'unknown', reason: `exec in ${pod}: ${error instanceof Error ? error.message : 'no answer'}` };
  }
}

/** Makes the application's role and database. Never puts a password, nor its verifier, into an argument or an outcome. */
export async function ensureApplicationDatabase(request: SqlRequest, ports: SqlPorts): Promise<Outcome> {
  const { database = '', owner = '', made } = request.arguments;
  if (request.secret === null) return transient('SecretMissing', 'no Secret was named for the owner of the database');
  const { password } = ports;
  if (password === null)
    return transient('SecretMissing', `Secret ${request.secret.name} has no key ${request.secret.key}`);
  const verifier = scramVerifier(password, ports.chance.bytes(16));
  try {
    const result = await ports.runInPod({
      namespace: request.namespace,
      pod: request.pod,
      container: request.container,
      // Whatever becomes of the connection, the command ends by itself.
      command: ['timeout', '-s', 'KILL', String(runSeconds), ...psql],
      input: databaseScript(database, owner, verifier, made !== undefined),
      connectMs,
      timeoutMs,
    });
    return verdict(request, result);
  } catch (error) {
    return {
      type: 'unknown',
      reason: `exec in ${request.pod}: ${error instanceof Error ? error.message : 'no answer'}`,
    };
  }
}
