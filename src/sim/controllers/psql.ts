/**
 * Owns: psql and df in a member's container, as far as the operator uses them. psql makes the application's database, shows
 * settings, tells what roles have and gives them other passwords; the local socket asks for no password.
 */
import { positionKey } from '#machines/cluster/tables/configuration.ts';
import { quantityBytes } from '#machines/shared/quantity.ts';
import { startedKey } from '#machines/cluster/tables/requests.ts';
import type { ExecRequest, RunInPod } from '#src/kube/exec.ts';
import { text } from '../json.ts';
import type { Member } from '../patroni/member-ports.ts';
import type { Client } from './client.ts';

type Ended = Awaited<ReturnType<RunInPod>>;

function said(output: string): Ended {
  return { exitCode: 0, output, errors: '' };
}

function unquoted(name: string): string {
  return name.replaceAll('""', '"');
}

/** Each `ALTER ROLE "name" [LOGIN] PASSWORD 'verifier'` of a script takes effect. */
function alter({ directory }: Member, input: string): void {
  for (const [, role = '', verifier = ''] of input.matchAll(/^ALTER ROLE "((?:[^"]|"")*)" .*PASSWORD '([^']*)'/gm))
    directory.roles.set(unquoted(role), verifier);
}

/** `CREATE ROLE "name" LOGIN PASSWORD 'verifier'`, quoted once more, where there is none yet. */
function create({ directory }: Member, input: string): void {
  const made = /'CREATE ROLE "((?:[^"]|"")*)" LOGIN PASSWORD ''([^']*)'''/.exec(input);
  const role = unquoted(made?.[1] ?? '');
  if (made !== null && !directory.roles.has(role)) directory.roles.set(role, made[2] ?? '');
}

/** What psql prints in the container of this member. @param major of its PostgreSQL */
export function psql(member: Member | null, major: number, { pod, input }: ExecRequest): Ended {
  if (member?.isUp() !== true) return { exitCode: 2, output: '', errors: `${pod} is down` };
  const names = [...input.matchAll(/'([^']*)'/g)].map((each) => each[1] ?? '').filter((name) => name.trim() !== '');
  if (input.includes('FROM pg_settings'))
    return said(
      `${member.shownSettings(names)}${startedKey} ${member.startedAt()}\n${positionKey} ${member.directory.position}\n`,
    );
  if (!member.isWritable()) return said('standby\n');
  if (input.includes('FROM pg_authid')) {
    const { roles } = member.directory;
    const lines = names.flatMap((name) => (roles.has(name) ? [`role ${name} ${roles.get(name) ?? ''}\n`] : []));
    return said(`primary\n${lines.join('')}`);
  }
  create(member, input);
  alter(member, input);
  const database = /datname = '([^']*)'/.exec(input)?.[1];
  if (database === undefined) return said('primary\ntold\n');
  const owner = /rolname = '([^']*)'/.exec(input)?.[1] ?? '';
  member.directory.databases.add(`${database}/${owner}`);
  return said(`done ${major}0004\n`);
}

/** What df prints of a member's volume: bytes that are free, and all that its claim says it has. */
export function df(client: Client, { namespace, pod }: ExecRequest, { directory }: Member): Ended {
  const claim = client.get('PersistentVolumeClaim', namespace, `data-${pod}`);
  const size = quantityBytes(text(claim, 'status', 'capacity', 'storage'));
  const free = { enough: size / 2, little: 12_288, none: 0 }[directory.room];
  return said(`     Avail   1B-blocks\n${free} ${size}\n`);
}
