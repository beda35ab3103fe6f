/**
 * Owns: who may take over from the primary on purpose, and why each other member may not. One row per reason, tried in
 * this order; of those left the one least behind, then the lowest ordinal.
 */
import { no, yes, type Answer } from '../../shared/answer.ts';
import { annotations, ordinalOf } from '../../shared/names.ts';
import type { Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { leaderOf, membersOf, podOf, type Member } from '../members.ts';
import { standbysOf } from './synchrony.ts';

/** What a successor must be, besides a healthy replica. */
export interface Demand {
  /** Hash of the pod template it must have been made from; null when any will do. */
  readonly template: string | null;
  /** Its ordinal must be below this: the others are on their way out. */
  readonly below: number;
  /** The only member that will do; null when anyone will. */
  readonly member: string | null;
}

interface Row {
  readonly because: (member: Member) => string;
  readonly refuses: (member: Member) => boolean;
}

function rows(facts: Facts, demand: Demand): readonly Row[] {
  const cluster = clusterName(facts);
  const standbys = standbysOf(facts);
  const template = (member: Member): string | null =>
    podOf(facts, member.name)?.object.annotations[annotations.template] ?? null;
  return [
    {
      because: () => 'it was not asked for',
      refuses: (member) => demand.member !== null && demand.member !== member.name,
    },
    { because: () => 'it leads', refuses: (member) => member.role === 'leader' },
    { because: (member) => member.trouble ?? 'it is not ready', refuses: (member) => !member.ready },
    { because: () => 'it is on its way out', refuses: (member) => ordinalOf(cluster, member.name) >= demand.below },
    {
      because: () => 'it does not run the new template yet',
      refuses: (member) => demand.template !== null && template(member) !== demand.template,
    },
    {
      because: () => 'it does not confirm commits',
      refuses: (member) => standbys !== null && !standbys.includes(member.name),
    },
  ];
}

function closer(facts: Facts): (one: Member, other: Member) => number {
  const cluster = clusterName(facts);
  return (one, other) =>
    (one.lagBytes ?? Infinity) - (other.lagBytes ?? Infinity) ||
    ordinalOf(cluster, one.name) - ordinalOf(cluster, other.name);
}

/**
 * The member to hand over to: yes with its name in `values.candidate`, or no with every member's reason.
 * @param members among whom; those that the spec asks for when it is left out
 */
export function successor(facts: Facts, demand: Demand, members: readonly Member[] = membersOf(facts)): Answer {
  const table = rows(facts, demand);
  const judged = members.map((member) => ({ member, row: table.find((row) => row.refuses(member)) }));
  const [best] = judged
    .filter(({ row }) => row === undefined)
    .map(({ member }) => member)
    .sort(closer(facts));
  const leader = leaderOf(facts).name;
  if (best !== undefined)
    return yes(`${best.name} streams from ${leader ?? 'the leader'} and is least behind`, {
      leader,
      candidate: best.name,
      lagBytes: best.lagBytes,
    });
  const reasons = judged
    .filter(({ member }) => member.name === demand.member || (demand.member === null && member.role !== 'leader'))
    .map(({ member, row }) => `${member.name}: ${row?.because(member) ?? ''}`);
  return no(`nobody can take over: ${reasons.join('; ') || 'there is no replica'}`, { leader, candidate: null });
}
