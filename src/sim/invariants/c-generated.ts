/** C: a generated value is made once: as long as a Secret is the same object its values never change. */
import { at, stable, text } from '../json.ts';
import { uidOf } from '../api/store.ts';
import type { Invariant } from './invariant.ts';

export const generatedOnce: Invariant = {
  name: 'C',
  says: 'a generated value is never generated again',
  watch: (world, tell) => {
    world.api.store.onChange(({ kind, object, before }) => {
      if (kind.kind !== 'Secret' || before === null || uidOf(before) !== uidOf(object)) return;
      for (const [key, value] of Object.entries(at(before, 'data')))
        if (stable(at(object, 'data')[key]) !== stable(value))
          tell(`${key} of Secret ${text(object, 'metadata', 'name')} was written over`);
    });
    return {};
  },
};
