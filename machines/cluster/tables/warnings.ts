/**
 * Owns: what is waited for without saying itself what it misses, and what Kubernetes warned of there. A pod whose image is
 * being pulled or whose volume is being mounted, a claim that is not bound, a StatefulSet that makes no pod: only a Kubernetes
 * Event knows why. It is read when the silence has lasted (`askMs`), once, and again while it lasts; never otherwise, so that
 * a cluster that comes up in order costs no read.
 */
import { claimName, podName } from '../../shared/names.ts';
import { askTimer } from '../backoff.ts';
import type { Facts, Memory, Warning } from '../facts.ts';
import { objectKey, type Intent } from '../intents.ts';
import { clusterName } from '../knowledge.ts';
import type { ObjectDetail, ObjectProjection, ObjectRef } from '../observations.ts';
import { recalled } from '../recall.ts';
import { withOccasional } from '../world.ts';

/** A kubelet's words for a container that it is making: an image of a gigabyte is pulled for minutes. */
export const beingMade: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing', 'Waiting']);

/** What a kubelet says of a container while it is at something that may fail; why it failed it tells in an Event. */
const vague = new Set([...beingMade, 'CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);

function isVague(detail: ObjectDetail): boolean {
  if (detail.type === 'PersistentVolumeClaim') return detail.phase !== 'Bound';
  return detail.type === 'Pod' && (detail.trouble === null ? detail.phase === 'Pending' : vague.has(detail.trouble));
}

function seen(facts: Facts, ref: ObjectRef): ObjectProjection | null {
  const object = facts.world.objects[objectKey(ref)]?.object ?? null;
  return object === null || object.deleting ? null : object;
}

/** Objects that are waited for and do not say what they miss: of each member its pod, its claim, or who should make the pod. */
export const silentObjects: (facts: Facts) => readonly ObjectProjection[] = recalled((facts) => {
  const cluster = clusterName(facts);
  const set = seen(facts, { kind: 'StatefulSet', name: cluster });
  if (set === null || set.detail.type !== 'StatefulSet') return [];
  const ordinals = Array.from({ length: set.detail.replicas }, (_, ordinal) => ordinal);
  const found = ordinals.flatMap((ordinal): readonly (ObjectProjection | null)[] => {
    const name = podName(cluster, ordinal);
    const pod = seen(facts, { kind: 'Pod', name });
    const claim = seen(facts, { kind: 'PersistentVolumeClaim', name: claimName(cluster, ordinal) });
    const isGone = facts.world.objects[`Pod/${name}`] === undefined;
    return [
      pod !== null && isVague(pod.detail) ? pod : null,
      claim !== null && isVague(claim.detail) ? claim : null,
    ].concat(isGone ? [set] : []);
  });
  return [...new Set(found)].filter((object) => object !== null);
});

/** One read of an object's warnings for each that has been silent for long. */
export function warningReads(facts: Facts): readonly Intent[] {
  if (!facts.memory.expired.includes(askTimer)) return [];
  return silentObjects(facts).map(({ kind, name, uid }) => ({
    type: 'ReadEvents',
    target: { kind, name },
    uid,
    because: `${kind}/${name} does not say itself what it waits for`,
  }));
}

/** What Kubernetes warned of at the object of this kind and name, while it is that object; null when nothing is known. */
export function warningOf(facts: Facts, ref: ObjectRef): Warning | null {
  const warning = facts.memory.warnings?.[objectKey(ref)];
  return warning !== undefined && warning.uid === facts.world.objects[objectKey(ref)]?.object.uid ? warning : null;
}

/** `FailedMount: secret "x" not found`. */
export function warningWords({ reason, message }: Warning): string {
  return message === '' ? reason : `${reason}: ${message}`;
}

/** All that is warned of, as one clause; empty when nothing is. */
export function allWarnings(facts: Facts): string {
  const all = Object.entries(facts.memory.warnings ?? {}).map(
    ([key, warning]) => [key, warningWords(warning)] as const,
  );
  const words = [...new Set(all.map(([, each]) => each))].sort().map((each) => {
    const [first = '', ...others] = all.flatMap(([key, words]) => (words === each ? [key] : [])).sort();
    return `${first}${others.length === 0 ? '' : ` and ${others.length} more`} (${each})`;
  });
  return words.length === 0 ? '' : `Kubernetes warns of ${words.join(', ')}`;
}

/** Memory without warnings of what is not silent any more: it is there, it says itself what it misses, or it is another one. */
export function withoutOldWarnings(facts: Facts): Memory {
  const { memory } = facts;
  if (memory.warnings === undefined) return memory;
  const silent = new Map(silentObjects(facts).map((object) => [objectKey(object), object.uid]));
  const kept = Object.entries(memory.warnings).filter(([key, { uid }]) => silent.get(key) === uid);
  return kept.length === Object.keys(memory.warnings).length
    ? memory
    : withOccasional(memory, 'warnings', Object.fromEntries(kept));
}
