/** Owns: nodes and which of them are gone; where a pod is put, given that its volume stays on the node it was first used on. */
import { nameOf } from '../api/store.ts';
import type { Json } from '../json.ts';

const count = 3;

/** What a scheduler says of a pod that no node takes. */
export const noRoom = `0/${count} nodes are available: ${count} node(s) didn't match PersistentVolume's node affinity.`;

export interface Nodes {
  /** A node for a pod on the volume of this claim uid; null while there is none. */
  readonly place: (pod: Json, claimUid: string) => string | null;
  readonly isLost: (node: string) => boolean;
  readonly lose: (node: string) => void;
  readonly find: (node: string) => void;
  /** The volume is no more. */
  readonly forget: (claimUid: string) => void;
}

/** Three nodes, each with volumes of its own. */
export function makeNodes(): Nodes {
  const lost = new Set<string>();
  const homes = new Map<string, string>();
  const place = (pod: Json, claimUid: string): string | null => {
    const ordinal = Number(/\d+$/.exec(nameOf(pod))?.[0] ?? '0');
    const all = Array.from({ length: count }, (_, next) => `node-${((ordinal + next) % count) + 1}`);
    const node = homes.get(claimUid) ?? all.find((each) => !lost.has(each));
    if (node === undefined || lost.has(node)) return null;
    homes.set(claimUid, node);
    return node;
  };
  return {
    place,
    isLost: (node) => lost.has(node),
    lose: (node) => void lost.add(node),
    find: (node) => void lost.delete(node),
    forget: (claimUid) => void homes.delete(claimUid),
  };
}
