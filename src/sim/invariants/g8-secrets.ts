/** G8: no generated value and no key of digests stands in a journal or in an object that is no Secret. */
import { existsSync, readFileSync } from 'node:fs';
import { at, text } from '../json.ts';
import type { Invariant } from './invariant.ts';

/** Generated keys; the others hold names. */
const generated = /password|uri|^key$/i;

export const g8: Invariant = {
  name: 'G8',
  says: 'no secret value in journal or status',
  watch: (world, tell) => {
    const values = new Set<string>();
    world.api.store.onChange(({ kind, object }) => {
      if (kind.kind !== 'Secret') return;
      for (const [key, value] of Object.entries(at(object, 'data'))) {
        if (!generated.test(key) || typeof value !== 'string') continue;
        const bytes = Buffer.from(value, 'base64');
        values.add(value).add(bytes.toString(key === 'key' ? 'hex' : 'utf8'));
      }
    });
    return {
      atEnd: () => {
        for (const seat of world.operators) {
          for (const suffix of ['', '-wal']) {
            if (!existsSync(seat.path() + suffix)) continue;
            const bytes = readFileSync(seat.path() + suffix);
            for (const value of values)
              if (bytes.includes(value)) tell(`a password stands in the journal of ${seat.name}`);
          }
        }
        for (const kind of world.api.kinds.filter((each) => each.kind !== 'Secret')) {
          for (const { object } of world.api.store.list(kind, null)) {
            const shown = JSON.stringify(object);
            for (const value of values)
              if (shown.includes(value)) tell(`a password stands in ${kind.kind} ${text(object, 'metadata', 'name')}`);
          }
        }
      },
    };
  },
};
