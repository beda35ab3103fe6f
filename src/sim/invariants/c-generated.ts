/**
 * C: an operator makes a value once for each time it was asked to. As long as a Secret is the same object, it writes another
 * value only for a token that was given, or one that is a copy: of what is published into the Secret in force, or back.
 */
import { annotations, oneShotAnnotation } from '#machines/shared/names.ts';
import { at, text, type Json } from '../json.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import type { Invariant } from './invariant.ts';

function effectOf(object: Json): string {
  return text(object, 'metadata', 'annotations', annotations.effect);
}

const ends = ['-credentials-inforce', '-credentials', '-app'] as const;

/** Keys that follow from others. */
const derived = /^(uri|PGPASSWORD)$/;

export const generatedOnce: Invariant = {
  name: 'C',
  says: 'a generated value is never generated again',
  watch: (world, tell) => {
    const tokens = new Map<string, Set<string>>();
    const made = new Map<string, number>();
    world.api.store.onChange(({ kind, object, before }) => {
      const [namespace, name] = [namespaceOf(object), nameOf(object)];
      if (kind.kind === 'PostgresCluster') {
        const token = text(object, 'metadata', 'annotations', oneShotAnnotation('rotate-credentials'));
        const given = tokens.get(`${namespace}/${name}`) ?? new Set();
        if (token !== '') tokens.set(`${namespace}/${name}`, given.add(token));
      }
      if (kind.kind !== 'Secret' || before === null || uidOf(before) !== uidOf(object)) return;
      // Whoever edits by hand leaves the mark of our last write.
      if (effectOf(before) === effectOf(object)) return;
      const end = ends.find((each) => name.endsWith(each));
      const cluster = end === undefined ? name : name.slice(0, -end.length);
      const others = ends.map((each) => at(world.user.get('Secret', namespace, `${cluster}${each}`), 'data'));
      const values = new Set(others.filter((_, index) => ends[index] !== end).flatMap((data) => Object.values(data)));
      const fresh = Object.entries(at(object, 'data')).filter(
        ([key, value]) => !derived.test(key) && value !== at(before, 'data')[key] && !values.has(value),
      );
      if (fresh.length === 0) return;
      const count = (made.get(`${namespace}/${name}`) ?? 0) + 1;
      made.set(`${namespace}/${name}`, count);
      const asked = tokens.get(`${namespace}/${cluster}`)?.size ?? 0;
      if (count > asked)
        tell(`${fresh.map(([key]) => key).join(', ')} of Secret ${name} was made anew; asked for ${asked} times`);
    });
    return {};
  },
};
