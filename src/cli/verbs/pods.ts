/**
 * Owns: verbs that look into a cluster's pods and Secrets: `psql`, `logs`, `creds`. They change nothing of the spec, and SQL and
 * passwords go through streams: never into the arguments of a process, here or in the pod.
 */
import { Option, type Command } from 'commander';
import { objectNames } from '#machines/shared/names.ts';
import { messageOf, Refused } from '#src/errors.ts';
import { resourcePath } from '#src/decision/paths.ts';
import { print } from '../command.ts';
import { logContainer } from '#src/resources/fields/logs.ts';
import { liveVerb, memberOf, type Live, type Seen } from '../live.ts';
import { wholeOf } from '../misused.ts';

const container = 'postgres';
/** A command that nobody sits before ends within this. */
const batchMs = 3_600_000;

interface Batch {
  readonly input: Uint8Array;
  readonly timeoutMs: number;
}

/** As it is: a dump need not be UTF-8. */
async function inputBytes(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/** Runs a command in a member's pod, and prints what it prints. @returns its exit code; throws Refused when it cannot be run */
async function runIn(live: Live, pod: string, command: readonly string[], own: Batch): Promise<number> {
  const { makePipeToPod } = await import('#src/kube/exec.ts');
  const run = makePipeToPod(live.kube.connection.config);
  const { namespace } = live;
  const output = (bytes: Uint8Array): void => void process.stdout.write(bytes);
  const errors = (bytes: Uint8Array): void => void process.stderr.write(bytes);
  const code = await run({ namespace, pod, container, command, output, errors, ...own }).catch((cause: unknown) => {
    throw new Refused(messageOf(cause), {
      operation: 'run a command in',
      subject: `Pod ${namespace}/${pod}`,
      hint: 'the verbs create and get on pods/exec are needed there; or name another member with --member',
      cause,
    });
  });
  return code ?? 1;
}

async function psql(live: Live, own: Readonly<Record<string, unknown>>): Promise<number> {
  const seen = await live.read();
  const pod = memberOf(live, seen, own['member']);
  const database = typeof own['database'] === 'string' ? own['database'] : (seen.spec.database?.name ?? 'app');
  const command = ['psql', '-U', 'postgres', '-d', database, '-v', 'ON_ERROR_STOP=1'];
  const statement = own['command'];
  if (statement === undefined && process.stdin.isTTY)
    return (await import('../terminal.ts')).sitBefore(live.kube.connection.config, {
      namespace: live.namespace,
      pod,
      container,
      command,
    });
  const input = typeof statement === 'string' ? Buffer.from(`${statement}\n`) : await inputBytes();
  return runIn(live, pod, [...command, '-f', '-'], { input, timeoutMs: batchMs });
}

/** PostgreSQL's own log, the newest file of it. */
const newestLog = 'file=$(ls -t "$PGDATA"/../pg_log/*.csv | head -n 1) && exec tail -n "$0" "$file"';

/** The container that prints PostgreSQL's log as it is written. @throws Refused where there is none */
function followed(live: Live, { spec }: Seen): string {
  if (spec.logs?.stdout === true) return logContainer;
  throw new Refused('no container of it prints what PostgreSQL logs, so that cannot be followed', {
    operation: 'follow the log of PostgreSQL on',
    subject: `${live.namespace}/${live.name}`,
    hint: 'leave --follow away, or set spec.logs.stdout, which replaces every pod',
  });
}

async function logs(live: Live, own: Readonly<Record<string, unknown>>): Promise<number> {
  const lines = String(wholeOf('--tail', own['tail'], '--tail 200'));
  const seen = await live.read();
  const pod = memberOf(live, seen, own['member']);
  const { kube, namespace } = live;
  const printing = own['postgres'] === true && own['follow'] === true ? followed(live, seen) : container;
  if (own['postgres'] === true && printing === container) {
    const command = ['bash', '-c', newestLog, lines];
    return runIn(live, pod, command, { input: Buffer.of(), timeoutMs: 60_000 });
  }
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const opened = await kube.openWatch({
    path: `${resourcePath('Pod', namespace, pod)}/log`,
    query: { container: printing, tailLines: lines, ...(own['follow'] === true ? { follow: 'true' } : {}) },
    signal: stop.signal,
  });
  if (opened.type !== 'stream' && stop.signal.aborted) return 0;
  if (opened.type !== 'stream')
    throw new Refused(opened.type === 'refused' ? opened.message : opened.because, {
      operation: 'read the log of',
      subject: `${namespace}/${pod}`,
      hint: `the verb get on pods/log is needed there; 'kubectl describe pod ${pod}' says how it is; or name another member with --member`,
    });
  try {
    for await (const chunk of opened.body) process.stdout.write(chunk);
  } catch (error) {
    // Whoever ends it knows.
    if (!stop.signal.aborted) throw error;
  }
  return 0;
}

async function creds(live: Live, own: Readonly<Record<string, unknown>>): Promise<number> {
  const names = objectNames(live.name);
  const secret = own['superuser'] === true ? names.credentialsInForce : names.applicationSecret;
  const values = await live.secret(secret);
  const key = own['key'];
  if (typeof key === 'string') {
    const value = values[key];
    if (value === undefined)
      throw new Refused(`it has no key ${key}`, {
        operation: 'read',
        subject: `Secret ${live.namespace}/${secret}`,
        hint: `it has ${Object.keys(values).sort().join(', ')}`,
      });
    print(value);
    return 0;
  }
  if (own['output'] === 'json') print(JSON.stringify(values, null, 2));
  else for (const [name, value] of Object.entries(values).sort()) print(`${name.padEnd(22)} ${value}`);
  return 0;
}

/** Adds `psql`, `logs` and `creds`. */
export function addPods(program: Command): void {
  liveVerb(program, 'psql <name>', 'a session on the primary as postgres; or standard input', (live, _args, own) =>
    psql(live, own),
  )
    .option('--member <pod>', 'on this member')
    .option('-d, --database <name>', 'the application’s database unless given')
    .option('-c, --command <sql>', 'does this and ends');
  liveVerb(program, 'logs <name>', 'what Patroni logs on the primary', (live, _args, own) => logs(live, own))
    .option('--member <pod>', 'on this member')
    .option('--postgres', 'PostgreSQL’s own log instead, as CSV')
    .option('-f, --follow', 'goes on with what comes')
    .option('--tail <lines>', 'so many last lines', '200');
  liveVerb(program, 'creds <name>', 'the application’s credentials, on standard output', (live, _args, own) =>
    creds(live, own),
  )
    .option('--superuser', 'the superuser’s and the replication’s instead')
    .option('--key <key>', 'only this value, such as uri')
    .addOption(new Option('-o, --output <format>', 'how they are written').choices(['table', 'json']).default('table'));
}
