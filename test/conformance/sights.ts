/**
 * Owns: what a member of Patroni shows on its pod, step after step: the label of its role, and its words for role and state. Real
 * members are read from exported journals, simulated ones from the store of their API server.
 */
import type { ObjectFact } from '#machines/cluster/facts.ts';
import { readExportBytes } from '#src/cli/export-file.ts';
import { makeCore } from '#src/replay/core.ts';
import { decodeStanding } from '#src/replay/snapshot-text.ts';
import { walk } from '#src/replay/walk.ts';
import { text } from '#src/sim/json.ts';
import { uidOf, type Store } from '#src/sim/api/store.ts';
import { patroniMember } from '#src/stream/door/patroni.ts';

/** `label, role, state`; a label that is not there is `-`, and so are the words of a member that has said none. */
type Sight = string;

/** One step of a member: what it showed, and what it showed next. */
export type Step = `${Sight} > ${Sight}`;

/** A primary was a `master` before Patroni 4.0, and its label is `master` still. */
const spelt: Readonly<Record<string, string>> = { master: 'primary' };

function sightOf(label: string | null, member: { readonly role: string; readonly state: string } | null): Sight {
  const { role, state } = member ?? { role: '-', state: '-' };
  return [label ?? '-', role, state].map((word) => spelt[word] ?? word).join(', ');
}

/** Steps as they come, of one pod after the other by uid. */
class Steps {
  readonly #last = new Map<string, Sight>();
  readonly #seen: (step: Step) => void;

  constructor(seen: (step: Step) => void) {
    this.#seen = seen;
  }

  show(uid: string, sight: Sight): void {
    const before = this.#last.get(uid);
    this.#last.set(uid, sight);
    if (before !== undefined && before !== sight) this.#seen(`${before} > ${sight}`);
  }

  forget(): void {
    this.#last.clear();
  }
}

function showAll(steps: Steps, objects: Readonly<Record<string, ObjectFact>>): void {
  for (const { object } of Object.values(objects))
    if (object.detail.type === 'Pod') steps.show(object.uid, sightOf(object.detail.role, object.detail.patroni));
}

/**
 * Steps in an exported journal, as its operator saw them; what came quicker than a watch told is one step.
 * @throws Refused when it is no export, and when it is not as it was written
 */
export function stepsInExport(bytes: Buffer, subject: string): ReadonlySet<Step> {
  const { rows, blobs, damage, standing } = readExportBytes(bytes, subject);
  const [first] = damage;
  if (first !== undefined) throw new Error(`${subject} is not as it was written: ${first.because}`);
  const found = new Set<Step>();
  const steps = new Steps((step) => found.add(step));
  const from = standing === null ? null : decodeStanding(standing.bytes);
  for (const { after } of walk(makeCore(), { rows, getBlob: (hash) => blobs.get(hash) ?? '', from })) {
    if (after === null) steps.forget();
    else showAll(steps, after.snapshot.facts.world.objects);
  }
  return found;
}

/** Tells every step of the members in a simulated world, each write of theirs one. */
export function watchSteps(store: Store, roleLabel: string, seen: (step: Step) => void): void {
  const steps = new Steps(seen);
  store.onChange(({ type, kind, object }) => {
    if (kind.kind !== 'Pod' || type === 'DELETED') return;
    const label = text(object, 'metadata', 'labels', roleLabel);
    const member = patroniMember(text(object, 'metadata', 'annotations', 'status'));
    steps.show(uidOf(object), sightOf(label === '' ? null : label, member));
  });
}
