/** Owns: doing harm to one member of a cluster: its processes, its disk, its history. */
import { psql, shell, type World } from '../world.ts';
import type { Subject } from './database.ts';

/** A file that takes the room a member's volume has left. */
const filler = '/home/postgres/pgdata/filler';

/** Kills processes of a member by their command line, at once. @throws when it has none like that */
export async function killProcesses(world: World, { namespace }: Subject, pod: string, pattern: string): Promise<void> {
  const exec = ['--namespace', namespace, 'exec', pod, '--container', 'postgres', '--'];
  // Not through a shell: its own command line would be like that too.
  await world.kubectl(...exec, 'pkill', '-KILL', '--full', pattern);
}

/** Kills PostgreSQL's postmaster in a live pod; Patroni stays. */
export async function killPostgres(world: World, { namespace }: Subject, pod: string): Promise<void> {
  const line = 'kill -KILL "$(head -1 /home/postgres/pgdata/pgroot/data/postmaster.pid)"';
  const answer = await shell(world, namespace, pod, line);
  if (!answer.endsWith('exit 0')) throw new Error(`PostgreSQL of ${pod} could not be killed: ${answer}`);
}

/** Fills a member's volume until nothing fits. @returns bytes that are left */
export async function fillVolume(world: World, { namespace }: Subject, pod: string): Promise<number> {
  const line = `dd if=/dev/zero of=${filler} bs=1M 2>/dev/null; dd if=/dev/zero of=${filler} bs=4k oflag=append conv=notrunc 2>/dev/null; df --output=avail -B1 ${filler} | tail -1`;
  return Number((await shell(world, namespace, pod, line)).split('\n')[0]);
}

/** Gives back what fillVolume took. */
export async function emptyVolume(world: World, { namespace }: Subject, pod: string): Promise<void> {
  await shell(world, namespace, pod, `rm -f ${filler}`);
}

/** Where a member's WAL has got to, as its own server says, in bytes; null when it does not answer. */
export async function walPosition(world: World, { namespace }: Subject, pod: string): Promise<bigint | null> {
  const statement =
    "SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')::numeric(30)";
  const text = await psql(world, namespace, pod, statement).catch(() => '');
  return text === '' ? null : BigInt(text);
}
