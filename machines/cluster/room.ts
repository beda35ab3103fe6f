/**
 * Owns: what is known of the room on members' volumes: when an answer still holds, when it says that a volume is full, and the
 * words for that. Does not own: who is asked, and what follows (`tables/full-volume.ts`).
 */
import { claimName, ordinalOf } from '../shared/names.ts';
import { bytesWords } from '../shared/quantity.ts';
import type { Facts, Room } from './facts.ts';
import { clusterName } from './knowledge.ts';

/** With less PostgreSQL cannot go on: one segment of its log takes as much. */
export const segmentBytes = 16 * 1024 * 1024;

/** How large the claim of this member says that its volume is; null when that is not seen. */
export function capacityOf(facts: Facts, member: string): string | null {
  const cluster = clusterName(facts);
  const name = claimName(cluster, ordinalOf(cluster, member));
  const detail = facts.world.objects[`PersistentVolumeClaim/${name}`]?.object.detail;
  return detail?.type === 'PersistentVolumeClaim' ? detail.capacity : null;
}

/** What the pod of this member said of its volume, while it is that pod and a volume of that size; null otherwise. */
export function roomOf(facts: Facts, member: string): Room | null {
  const room = facts.memory.rooms?.[member];
  if (room === undefined || facts.world.objects[`Pod/${member}`]?.object.uid !== room.uid) return null;
  return room.capacity === capacityOf(facts, member) ? room : null;
}

/** Whether PostgreSQL cannot write on with so much room. */
export function isFull(bytes: Room['bytes']): boolean {
  return bytes !== null && bytes.free < segmentBytes;
}

/** The room of a member's volume if that is known to be full; null when it is not. */
export function fullVolume(facts: Facts, member: string): Room | null {
  const room = roomOf(facts, member);
  return room !== null && isFull(room.bytes) ? room : null;
}

/** `0 B of 1 GiB free`. */
function roomWords({ bytes }: Room): string {
  return `${bytesWords(bytes?.free ?? 0)} of ${bytesWords(bytes?.total ?? 0)} free`;
}

/** A trouble of a member, and that its volume is full where that is known. */
export function withFullVolume(facts: Facts, member: string, trouble: string): string {
  const room = fullVolume(facts, member);
  return room === null ? trouble : `${trouble}; its volume is full: ${roomWords(room)}`;
}

/** All full volumes as one text; empty when there is none. What `readFullVolumes` reads. */
export function fullVolumesWords(facts: Facts): string {
  return Object.keys(facts.memory.rooms ?? {})
    .sort()
    .flatMap((member) => {
      const room = fullVolume(facts, member);
      return room === null ? [] : [`volume of ${member}: ${roomWords(room)}`];
    })
    .join(', ');
}

/** By member, the room that a text of `fullVolumesWords` tells. */
export function readFullVolumes(text: string): ReadonlyMap<string, string> {
  const found = text.matchAll(/volume of (\S+): (\S+ \S+ of \S+ \S+ free)/g);
  return new Map([...found].map(([, member = '', words = '']) => [member, words]));
}
