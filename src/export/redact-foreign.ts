/**
 * Owns: what Kubernetes, an admission webhook, a registry, Patroni or PostgreSQL said, as strangers may see it. Nobody knows beforehand
 * what such a text names (a taint, a registry's host, a quota, a webhook), so that only plain words of it stay. Pure.
 */
import { takenOut } from './redact-names.ts';

/** Words as they stand in any dictionary, small numbers, `1/3`, and what Kubernetes and Patroni say often. */
const plain =
  /^\(?(?:[A-Za-z]+(?:\(s\))?(?:['’][a-z]+)?|\d{1,4}(?:\/\d{1,4})?(?:\.\d)?|i\/o|affinity\/selector|[a-z]+\.apps|\/(?:restart|reload|reinitialize|config)|=)?[),.:;!?]*$/;

/** Names that a sentence could quote alone: a host, a label, what stood in quotes. */
const distinct = /[A-Za-z]{3}.*[.-]|[.-].*[A-Za-z]{3}|^["'`]/;

/** `shop-1`, `Pod/shop-1`, `"shop-1"`: an object of the cluster. */
function isOurs(word: string, cluster: string): boolean {
  const bare = word
    .replaceAll(/^[("'`]+|[)"'`,.:;]+$/g, '')
    .replace(/^[A-Za-z]+\//, '')
    .replace(/^data-(?=.)/, '');
  return bare === cluster || (bare.startsWith(`${cluster}-`) && /^-[a-z0-9-]{1,24}$/.test(bare.slice(cluster.length)));
}

/** What is between words; a quotation is one word. */
const wordsOf = /"[^"]*(?:"|$)|`[^`]*(?:`|$)|(?<![A-Za-z])'[^']*(?:'|$)|\{[^}]*(?:\}|$)|\[[^\]]*(?:\]|$)|[^\s"`{[]+/g;

function isPlain(word: string, cluster: string): boolean {
  return plain.test(word) || isOurs(word, cluster);
}

/** @param cluster name of the cluster: its objects have their stand-ins, and stay */
export function shownForeign(text: string, cluster: string): string {
  return text
    .replaceAll(wordsOf, (word) => (isPlain(word, cluster) ? word : `${takenOut}${/[),.:;]*$/.exec(word)?.[0] ?? ''}`))
    .replaceAll(/\(redacted\)(?:[ ,:;]*\(redacted\))+/g, takenOut);
}

/** What such a text names, each as it stands there: a sentence may quote a part of it. */
export function foreignNames(text: string, cluster: string): readonly string[] {
  return [...text.matchAll(wordsOf)].flatMap(([word]) =>
    isPlain(word, cluster) || !distinct.test(word) ? [] : [word.replaceAll(/^[("'`{[]+|[)"'`}\],.:;]+$/g, '')],
  );
}
