/** G2: at most one member of a scope takes writes. */
import type { Invariant } from './invariant.ts';

export const g2: Invariant = {
  name: 'G2',
  says: 'at most one member of a cluster is writable',
  watch: (world, tell) => {
    world.kubelets.onRole(() => {
      const writers = new Map<string, string>();
      for (const [key, member] of world.kubelets.members()) {
        if (!member.isWritable()) continue;
        const scope = key.replace(/-\d+$/, '');
        const other = writers.get(scope);
        if (other !== undefined) tell(`${other} and ${key} are both writable`);
        writers.set(scope, key);
      }
    });
    return {};
  },
};
