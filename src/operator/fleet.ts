/**
 * Owns: what is known of all clusters together, for the one question that spans them: whose turn it is. Rebuilt in each term from
 * the clusters' own facts; what it answers becomes an observation of the cluster that is told, so that its journal alone
 * explains and replays it.
 */
import { fleetMember, turns, type FleetMember, type TurnAnswer } from '#machines/fleet/turns.ts';
import type { DurableDecision } from '#src/actor/ports.ts';
import type { ClusterName, StreamInput } from '#src/stream/items.ts';

interface Entry {
  readonly cluster: ClusterName;
  readonly seq: number;
  readonly member: FleetMember;
  /** On its way to the actor; null once it shows. */
  readonly sent: TurnAnswer | null;
}

export interface Fleet {
  /** A cluster has decided something. @returns what clusters are told */
  readonly decided: (decision: DurableDecision) => readonly StreamInput[];
  /** A cluster has no actor, and will have none in this term. @returns what the others are told, who may have waited for it alone */
  readonly parked: (uid: string) => readonly StreamInput[];
}

function nameOf({ namespace, name }: ClusterName): string {
  return `${namespace}/${name}`;
}

/** A grant that is under way counts as work that has begun. */
function seenWith({ member, sent }: Entry): FleetMember {
  if (sent === null || member.waiting === null) return member;
  const { change } = member.waiting;
  if (sent.answer !== 'granted') return { ...member, told: { answer: sent.answer, because: sent.because } };
  const turn = change === null ? null : ({ change, goes: 'on', because: sent.because } as const);
  return { ...member, isAtWork: true, waiting: null, turn };
}

function isShown({ told, waiting }: FleetMember, sent: TurnAnswer | null): boolean {
  if (sent === null || waiting === null || waiting.subject !== sent.subject) return true;
  return told?.answer === sent.answer && told.because === sent.because;
}

/**
 * A fleet of which nothing is known yet.
 * @param most how many clusters may be at work at a time
 * @param expected clusters that the journal knows: until each was seen, or is gone, nobody's turn comes
 */
export function makeFleet(most: number, expected: readonly ClusterName[]): Fleet {
  const entries = new Map<string, Entry>();
  const missing = new Set(expected.map(({ uid }) => uid));

  function told(): readonly StreamInput[] {
    if (missing.size > 0 || ![...entries.values()].some(({ member }) => member.waiting !== null)) return [];
    return turns([...entries.values()].map(seenWith), most).flatMap((answer): StreamInput[] => {
      const entry = entries.get(answer.uid);
      if (entry === undefined) return [];
      entries.set(answer.uid, { ...entry, sent: answer });
      const { subject, because } = answer;
      const observation = { type: 'TurnTold', subject, answer: answer.answer, because } as const;
      return [{ type: 'feedback', cluster: entry.cluster, causedBy: entry.seq, observation }];
    });
  }

  function left(uid: string): readonly StreamInput[] {
    missing.delete(uid);
    entries.delete(uid);
    return told();
  }

  return {
    decided: ({ cluster, stamp, decision, snapshot }) => {
      const { uid } = cluster;
      const isFirstSight = snapshot.facts.world.cluster !== null && missing.delete(uid);
      if (decision.observation.type === 'ClusterGone') return left(uid);
      const before = entries.get(uid);
      const member = { ...fleetMember(nameOf(cluster), snapshot), uid };
      const isSame = before !== undefined && JSON.stringify(before.member) === JSON.stringify(member);
      if (isSame && !isFirstSight) return [];
      const sent = before === undefined || isShown(member, before.sent) ? null : before.sent;
      entries.set(uid, { cluster, seq: stamp.seq, member, sent });
      return told();
    },
    parked: left,
  };
}
