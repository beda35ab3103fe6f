/**
 * Owns: spec.pgHba: what is wrong with its lines, and where they stand. Spilo takes the list as a whole, so all of its own
 * lines are said again: those that Patroni and the members need for each other first, then the user's, then the rest.
 */
import type { Problem } from '#machines/cluster/plan.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { problem } from './grammar.ts';

/** Without these nobody could start, join, or be asked by the operator. */
const lifelines = [
  'local all all trust',
  'local replication standby trust',
  'hostssl replication standby all md5',
  'host all postgres 127.0.0.1/32 md5',
  'host all postgres ::1/128 md5',
];

/** Spilo's own, for whatever no line before says. */
const rest = [
  'host all all 127.0.0.1/32 md5',
  'host all all ::1/128 md5',
  'hostnossl all all all reject',
  'hostssl all all all md5',
];

const types: ReadonlySet<string> = new Set(['local', 'host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc']);
/** What the images' PostgreSQL is built with, and a password for which would stand in a Secret of the user's. */
const methods: ReadonlySet<string> = new Set([
  'trust',
  'reject',
  'scram-sha-256',
  'md5',
  'password',
  'peer',
  'ident',
  'cert',
  'pam',
  'ldap',
  'gss',
]);
const secretOption = /^(ldapbindpasswd|radiussecrets)=/i;

/** The words of a line, as PostgreSQL splits them; null when a quote is not closed. */
function wordsOf(line: string): readonly string[] | null {
  const quotes = line.split('"').length - 1;
  return quotes % 2 === 1 ? null : (line.match(/(?:[^\s"]|"[^"]*")+/g) ?? []);
}

function isNumberBelow(text: string | undefined, limit: number): boolean {
  return text !== undefined && /^\d{1,3}$/.test(text) && Number(text) < limit;
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => isNumberBelow(part, 256));
}

function isIpv6(text: string): boolean {
  return (
    /^[0-9a-fA-F:.]+$/.test(text) && text.includes(':') && text.split('::').length <= 2 && text.split(':').length <= 9
  );
}

/** An address with the length of its prefix. */
export function isCidr(text: string): boolean {
  const [address = '', length, more] = text.split('/');
  if (more !== undefined) return false;
  return (isIpv4(address) && isNumberBelow(length, 33)) || (isIpv6(address) && isNumberBelow(length, 129));
}

const keywords: ReadonlySet<string> = new Set(['all', 'samehost', 'samenet']);
const hostGrammar = /^\.?[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$/;

/** Words that the address takes; 0 when there is none. */
function addressWords(address: string, next: string): number {
  if (keywords.has(address) || isCidr(address)) return 1;
  if (isIpv4(address) || isIpv6(address)) return isIpv4(next) || isIpv6(next) ? 2 : 0;
  return hostGrammar.test(address) && !address.includes('/') ? 1 : 0;
}

function ruleOf(line: string): string | null {
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  if (/[\u0000-\u001f]/.test(line.replaceAll('\t', ' '))) return 'must be one line';
  const words = wordsOf(line);
  if (words === null) return 'has a quote that is not closed';
  const [type = '', , , ...after] = words;
  if (!types.has(type)) return `must begin with ${[...types].join(', ')}`;
  const taken = type === 'local' ? 0 : addressWords(after[0] ?? '', after[1] ?? '');
  if (type !== 'local' && taken === 0)
    return 'must name database, user and an address: a CIDR, a host name, all, samehost or samenet';
  const [method = '', ...options] = after.slice(taken);
  if (!methods.has(method)) return `must name a method after that: ${[...methods].join(', ')}`;
  if (options.some((option) => secretOption.test(option)))
    return 'must hold no password: what stands in a spec is readable and recorded';
  return options.every((option) => /^[a-z_]+=./i.test(option)) ? null : 'must have options of the form name=value';
}

/** Faults of spec.pgHba. The text of a line that may hold a password is not shown. */
export function pgHbaProblems({ pgHba = [] }: PostgresClusterSpec): readonly Problem[] {
  return pgHba.flatMap((line, index) => {
    const rule = ruleOf(line);
    const isSecret = rule?.includes('password') === true && rule.startsWith('must hold');
    return rule === null ? [] : [problem(`spec.pgHba[${index}]`, isSecret ? null : line, rule)];
  });
}

/** The whole pg_hba.conf; null where Spilo's own is right as it is. */
export function pgHbaLines({ pgHba = [] }: PostgresClusterSpec): readonly string[] | null {
  return pgHba.length === 0 ? null : [...lifelines, ...pgHba, ...rest];
}
