/**
 * L: a start that parameters waited for never puts the primary above a replica that runs, in what a standby must not be below
 * its primary: PostgreSQL would stop there.
 */
import { replicasFirst } from '#machines/cluster/tables/configuration.ts';
import type { Member } from '../patroni/member-ports.ts';
import type { Invariant } from './invariant.ts';

const names = [...replicasFirst];

function levels(member: Member): ReadonlyMap<string, number> {
  const lines = member.shownSettings(names).split('\n');
  return new Map(lines.map((line) => line.split(' ')).map(([name = '', value = '']) => [name, Number(value)]));
}

export const level: Invariant = {
  name: 'L',
  says: 'no start of the primary that parameters waited for leaves a replica below it',
  watch: (world, tell) => {
    world.kubelets.onDeed((key, deed) => {
      const members = world.kubelets.members();
      const primary = members.get(key);
      if (deed !== 'pending restart' || primary?.isWritable() !== true) return;
      const above = levels(primary);
      const cluster = key.replace(/-\d+$/, '');
      for (const [other, member] of members) {
        if (other === key || !member.isUp() || other.replace(/-\d+$/, '') !== cluster) continue;
        const below = levels(member);
        const lower = names.filter((name) => (below.get(name) ?? 0) < (above.get(name) ?? 0));
        if (lower.length > 0) tell(`${key} started anew with more ${lower.join(', ')} than ${other} has`);
      }
    });
    return {};
  },
};
