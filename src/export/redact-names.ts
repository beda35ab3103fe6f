/**
 * Owns: names that were found and what stands for them in an export for strangers. Pure.
 *
 * I1. The same name has the same stand-in everywhere in one export.
 */
import { watchedKinds } from '#machines/cluster/observations.ts';
import { labels, ordinalOf } from '#machines/shared/names.ts';
import { productWords } from './vocabulary.ts';

/** Stands where something was taken out. */
export const takenOut = '(redacted)';

/** Names found so far and what stands for them. */
export interface Names {
  readonly namespace: string;
  readonly cluster: string;
  readonly standIn: (kind: string, name: string) => void;
  /** What somebody gave as a token: each word of it, but for names of members. */
  readonly token: (token: string) => void;
  /** A clause as it may stand in sentences, and what is to stand there; names in that are replaced too. */
  readonly instead: (text: string, shown: string) => void;
  readonly replaced: (text: string) => string;
}

const addresses = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}\b/gi;

/** Lengths at which sentences cut the values that they quote. */
const cuts = [77, 79, 117];

function patternOf(texts: Iterable<string>): RegExp {
  const longestFirst = [...texts].toSorted((left, right) => right.length - left.length);
  const choices = longestFirst.map((text) => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|');
  return new RegExp(`(?<![A-Za-z0-9])(?:${choices})(?![A-Za-z0-9])`, 'g');
}

/** The forms in which sentences hold a text: as it is, within JSON, and cut. */
function formsOf(text: string): readonly string[] {
  return [text, JSON.stringify(text).slice(1, -1)].flatMap((form) => [
    form,
    ...cuts.filter((cut) => cut < form.length).map((cut) => form.slice(0, cut)),
  ]);
}

/** Texts and what stands for them; the longest is found first. */
function makeTable(): { readonly texts: Map<string, string>; readonly in: (text: string) => string } {
  const texts = new Map<string, string>();
  let pattern: RegExp | null = null;
  let size = 0;
  return {
    texts,
    in: (text) => {
      if (texts.size === 0) return text;
      if (pattern === null || size !== texts.size) [pattern, size] = [patternOf(texts.keys()), texts.size];
      return text.replaceAll(pattern, (found) => texts.get(found) ?? takenOut);
    },
  };
}

/** What follows the name of a cluster in the names of its objects. */
const suffixes =
  '\\d+|repl|headless|config|sync|failover|leader|app|credentials(?:-inforce)?|patroni(?:-config)?|pdb|digest';
const kinds = ['PostgresCluster', ...watchedKinds].join('|');

/**
 * A cluster or namespace by whose name a sentence would lose its words (`db`, `app`, `primary`) is found where only a name can stand:
 * in names of its objects, behind a kind, and in a path.
 */
function inPlaces({ namespace, name }: Whose): (text: string) => string {
  const isAwkward = (each: string): boolean => each.length < 3 || productWords.has(each);
  const cluster = new RegExp(
    `(?<![A-Za-z0-9-])(data-)?${name}(?=-(?:${suffixes})(?![A-Za-z0-9]))|(?<=\\b(?:${kinds})[/ ])${name}(?![A-Za-z0-9-])|(?<=/[a-z]+/|${labels.cluster}=)${name}(?=$|[/,])`,
    'g',
  );
  const space = new RegExp(
    `(?<=namespaces/)${namespace}(?=/|$)|(?<![A-Za-z0-9-/])${namespace}(?=/cluster-1(?![A-Za-z0-9]))`,
    'g',
  );
  return (text) => {
    const named = isAwkward(name)
      ? text.replaceAll(cluster, (_, data: string | undefined) => `${data ?? ''}cluster-1`)
      : text;
    return isAwkward(namespace) ? named.replaceAll(space, 'namespace-1') : named;
  };
}

/** Of which cluster an export is. */
export interface Whose {
  readonly namespace: string;
  readonly name: string;
}

/** Plain numbers of four digits at most are anybody's: ports, sizes, counts. */
const number = /^\d{1,4}$/;

/** Knows no name yet but those of the cluster itself, by which members are told from tokens. */
export function makeNames(whose: Whose): Names {
  const cluster = whose.name;
  const placed = inPlaces(whose);
  const [known, whole] = [makeTable(), makeTable()];
  const counts = new Map<string, number>();
  const learn = ({ texts }: typeof known, text: string, shown: string): void => {
    for (const form of formsOf(text)) if (!texts.has(form)) texts.set(form, shown);
  };
  const made = (kind: string, name: string): string => {
    const found = known.texts.get(name);
    if (found !== undefined) return found;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    learn(known, name, `${kind}-${count}`);
    return `${kind}-${count}`;
  };
  const standIn = (kind: string, name: string): void => {
    // A name of one or two letters would be found in every sentence.
    if (name.length > 2 && !number.test(name) && !productWords.has(name)) made(kind, name);
  };
  return {
    namespace: whose.namespace,
    cluster,
    standIn,
    token: (token) => {
      for (const word of token.split(/\s+/)) if (ordinalOf(cluster, word) < 0) standIn('token', word);
    },
    instead: (text, shown) => {
      if (text !== shown) learn(whole, text, shown);
    },
    replaced: (text) => placed(known.in(whole.in(text))).replaceAll(addresses, (address) => made('address', address)),
  };
}
