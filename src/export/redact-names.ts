/**
 * Owns: names that were found and what stands for them in an export for strangers. Pure.
 *
 * I1. The same name has the same stand-in everywhere in one export.
 */
import { oneShots, ordinalOf } from '#machines/shared/names.ts';

/** Stands where something was taken out. */
export const takenOut = '(redacted)';

/** Names found so far and what stands for them. */
export interface Names {
  readonly standIn: (kind: string, name: string) => void;
  /** What somebody gave as a token: each word of it, but for names of members. */
  readonly token: (token: string) => void;
  /** A clause as it may stand in sentences, and what is to stand there; names in that are replaced too. */
  readonly instead: (text: string, shown: string) => void;
  readonly replaced: (text: string) => string;
}

const addresses = /\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}\b/gi;

/** Words of the product itself: they name nobody, and would take the sense out of every sentence. */
const productWords: ReadonlySet<string> = new Set(['app', 'true', 'false', 'none', 'primary', 'replica', ...oneShots]);

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

/** Knows no name yet. @param cluster name of the cluster, by which members are told from tokens */
export function makeNames(cluster: string): Names {
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
    if (name.length > 2 && !productWords.has(name)) made(kind, name);
  };
  return {
    standIn,
    token: (token) => {
      for (const word of token.split(/\s+/)) if (ordinalOf(cluster, word) < 0) standIn('token', word);
    },
    instead: (text, shown) => {
      if (text !== shown) learn(whole, text, shown);
    },
    replaced: (text) => known.in(whole.in(text)).replaceAll(addresses, (address) => made('address', address)),
  };
}
