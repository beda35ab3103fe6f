/** Owns: which cluster of a source is meant: by name, by namespace, and by uid where it was deleted and made again. */
import { Refused } from '#src/errors.ts';
import { timeWords } from '#src/export/time.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import type { Flags } from './command.ts';
import { Misused } from './misused.ts';
import type { Source } from './source.ts';

function nameOf({ namespace, name }: ClusterSummary): string {
  return `${namespace}/${name}`;
}

function uidsOf(clusters: readonly ClusterSummary[]): string {
  return clusters.map(({ uid, lastAt }) => `${uid} up to ${timeWords(lastAt)}`).join(', ');
}

/** Earlier clusters of the same name, oldest first: each was deleted, and another one made. */
export function earlierOf(all: readonly ClusterSummary[], cluster: ClusterSummary): readonly ClusterSummary[] {
  return all
    .filter((each) => nameOf(each) === nameOf(cluster) && each.uid !== cluster.uid && each.lastAt <= cluster.lastAt)
    .toSorted((one, other) => one.lastAt - other.lastAt);
}

/**
 * The cluster that is meant: of this uid, or the newest of this name.
 * @param namespace null where any is meant, as long as no two have a cluster of the name
 * @returns null when there is none
 * @throws Refused when there are several, or none of the uid
 */
export function clusterNamed(
  source: Source,
  all: readonly ClusterSummary[],
  asked: { readonly name: string; readonly namespace: string | null; readonly uid: string | undefined },
): ClusterSummary | null {
  const { name, namespace, uid } = asked;
  const found = all
    .filter((each) => each.name === name && (namespace === null || each.namespace === namespace))
    .toSorted((one, other) => one.lastAt - other.lastAt);
  if (uid !== undefined) {
    const one = found.find((each) => each.uid === uid);
    if (one !== undefined) return one;
    throw new Refused(`no cluster ${name} has the uid ${uid}`, {
      operation: 'look into',
      subject: source.describe,
      hint: `it knows ${uidsOf(found) || `no cluster ${name}`}`,
    });
  }
  const names = [...new Set(found.map(nameOf))];
  if (names.length > 1)
    throw new Refused(`${name} may be any of ${names.join(', ')}`, {
      operation: 'look into',
      subject: source.describe,
      hint: 'name the namespace with -n',
    });
  return found.at(-1) ?? null;
}

/** The cluster of this name that the flags mean. @throws Refused naming those that there are */
export async function clusterOf(source: Source, flags: Flags, name: string): Promise<ClusterSummary> {
  const all = await source.clusters();
  // A file is mostly of one cluster; a running operator is asked as kubectl is.
  const namespace = flags.file === undefined || flags.namespaceGiven ? flags.namespace : null;
  const cluster = clusterNamed(source, all, { name, namespace, uid: flags.uid });
  if (cluster !== null) return cluster;
  const known = all.map(nameOf).join(', ') || 'none';
  throw new Refused(`there is no cluster ${namespace === null ? '' : `${namespace}/`}${name}`, {
    operation: 'look into',
    subject: source.describe,
    hint: `it knows ${known}; name the namespace with -n`,
  });
}

/**
 * The clusters that are meant where none is named: all, or those of the namespace that is given.
 * @throws Misused when a uid is given: of which cluster it is, only its name says
 */
export async function clustersMeant(source: Source, flags: Flags): Promise<readonly ClusterSummary[]> {
  if (flags.uid !== undefined)
    throw new Misused('--uid is about one cluster, and none is named', {
      operation: 'look into',
      subject: source.describe,
      hint: 'name the cluster, or leave --uid away',
    });
  const all = await source.clusters();
  return flags.namespaceGiven ? all.filter(({ namespace }) => namespace === flags.namespace) : all;
}

/**
 * Refuses a moment of an earlier cluster of the name: what happened then is not nothing, but is told of another uid.
 * @throws Refused naming that uid
 */
export async function refuseEarlier(source: Source, cluster: ClusterSummary, at: number | null): Promise<void> {
  if (at === null) return;
  const earlier = earlierOf(await source.clusters(), cluster);
  if (earlier.length === 0) return;
  const [first] = await source.rows({ uid: cluster.uid, limit: 1 });
  if (first === undefined || at >= first.at) return;
  const then = earlier.find((each) => each.lastAt >= at);
  // Its own rows of then may be pruned.
  if (then === undefined && first.kind === 'base') return;
  throw new Refused(`the cluster of ${timeWords(at)} is another one, that was deleted`, {
    operation: 'look into',
    subject: nameOf(cluster),
    hint: `ask again with --uid ${(then ?? earlier.at(-1))?.uid ?? ''}; the rows of ${cluster.uid} begin ${timeWords(first.at)}`,
  });
}

/**
 * Says on standard error that what is asked for since a moment leaves out rows of earlier clusters of the name: who asks for the
 * last day of a cluster that was made anew an hour ago gets an hour. Nothing is said to who names a uid.
 */
export async function noteEarlier(
  source: Source,
  flags: Flags,
  cluster: ClusterSummary,
  since: number | null,
): Promise<void> {
  if (since === null || flags.uid !== undefined) return;
  const left = earlierOf(await source.clusters(), cluster).filter(({ lastAt }) => lastAt >= since);
  if (left.length === 0) return;
  const is = left.length === 1 ? 'an earlier cluster' : `${left.length} earlier clusters`;
  process.stderr.write(
    `these are the rows of ${cluster.uid}; ${is} of the name ${nameOf(cluster)} had rows since ${timeWords(since)} too\n` +
      `ask for them with --uid: ${uidsOf(left)}\n`,
  );
}
