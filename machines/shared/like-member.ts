/** Owns: which words were meant for a member's name and are none, so that a slip is not taken for a word of somebody's own. */
import { podName } from './names.ts';

/** Whether one becomes the other by one slip: a character more, fewer or another one, or two that have changed places. */
function isOneSlip(one: string, other: string): boolean {
  let begin = 0;
  while (begin < one.length && one[begin] === other[begin]) begin += 1;
  let end = 0;
  const most = Math.min(one.length, other.length) - begin;
  while (end < most && one.at(-1 - end) === other.at(-1 - end)) end += 1;
  const [left = '', right = ''] = [one, other].map((text) => text.slice(begin, text.length - end));
  const areSwapped = left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
  return (left.length <= 1 && right.length <= 1) || areSwapped;
}

/**
 * What stands in a text that was surely meant for a member's name and is none: such a name with one slip, in other letters,
 * with zeros in front of its number, or with something before or behind it. The name of the cluster itself is no such word.
 * @returns the first; null when there is none
 */
export function likeMember(cluster: string, text: string): string | null {
  const isLike = (part: string): boolean => {
    const word = part.toLowerCase();
    if (word === cluster) return false;
    const digits = /\d*$/.exec(word)?.[0].length ?? 0;
    // The cluster's own name may end in digits: where its number begins is not known.
    const stems = Array.from({ length: digits }, (_, index) => word.slice(0, -1 - index));
    return isOneSlip(word, podName(cluster, 0)) || stems.some((stem) => isOneSlip(stem, `${cluster}-`));
  };
  return text.split(/[^\w-]+/).find(isLike) ?? null;
}
