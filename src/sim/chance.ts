/**
 * Owns: all randomness of a simulated world: one seed, and from it one stream for each purpose.
 * I1. Streams are apart: drawing once more in the network moves no draw of the kubelet, so that a plan with one fault less
 *     is still the same run up to that fault.
 */
import type { Chance } from '#src/ports.ts';

export interface SimChance extends Chance {
  /** A whole number in [least, most]. */
  readonly between: (least: number, most: number) => number;
  /** One of the given things. @throws when there is none */
  readonly oneOf: <T>(things: readonly T[]) => T;
  /** A stream of its own, decided by this seed and `name` alone. */
  readonly stream: (name: string) => SimChance;
}

/** FNV-1a over the text's UTF-16 units, started with a seed. */
function mixedIn(seed: number, text: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash;
}

/** The stream of `seed` (mulberry32): a whole number; only its low 32 bits count. */
export function chanceOf(seed: number): SimChance {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const between = (least: number, most: number): number => least + (next() % (most - least + 1));
  return {
    fraction: () => next() / 2 ** 32,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    between,
    oneOf: (things) => {
      const thing = things[between(0, things.length - 1)];
      if (thing === undefined) throw new Error('there is nothing to choose from');
      return thing;
    },
    stream: (name) => chanceOf(mixedIn(seed, name)),
  };
}
