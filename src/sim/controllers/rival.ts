/**
 * Owns: somebody else's controller that will not have an object as we want it: whenever the object is not as it says, it makes
 * it so again, soon after. What it says is a merge patch of what it finds; or that the object shall not be.
 */
import type { ApiServer } from '../api/server.ts';
import { nameOf, namespaceOf } from '../api/store.ts';
import type { Json } from '../json.ts';
import type { Schedule } from '../schedule.ts';
import { clientOf } from './client.ts';

export interface Claim {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** What to change in the object as it is found: nothing when it is as it shall be, `delete` when it shall not be. */
  readonly wants: (object: Json) => Json | 'delete' | null;
}

export interface Rival {
  /** It does nothing any more. What it did last stays. */
  readonly leave: () => void;
}

/** From its seeing a change to its own. */
const answersAfterMs = 50;

/** Begins at once. @param manager the name it goes by */
export function makeRival(
  { api, schedule }: { readonly api: ApiServer; readonly schedule: Schedule },
  manager: string,
  { kind, namespace, name, wants }: Claim,
): Rival {
  const client = clientOf(api, manager);
  let isHere = true;
  const act = (): void => {
    const live = isHere ? client.get(kind, namespace, name) : null;
    const change = live === null ? null : wants(live);
    if (live === null || change === null) return;
    if (change === 'delete') client.remove(live);
    else client.patch(live, change);
  };
  api.store.onChange(({ kind: changed, object, type }) => {
    const isIt = changed.kind === kind && nameOf(object) === name && namespaceOf(object) === namespace;
    if (isHere && isIt && type !== 'DELETED') schedule.after(answersAfterMs, act);
  });
  act();
  return { leave: () => void (isHere = false) };
}
