/**
 * Owns: the decision table for what a cluster finds under its own names before it creates anything.
 *
 *   retained?  identifiers                major = version?  all Secrets there?  → verdict
 *   no         –                          –                 –                     create afresh
 *   yes        one                        yes               yes                   adopt, whichever clusters kept it
 *   yes        none, kept by one cluster  yes               yes                   adopt: Patroni takes what is there, or makes it
 *   yes        several                    –                 –                     refuse: volumes of different databases
 *   yes        one and none               –                 –                     refuse: nobody knows whose some are
 *   yes        none, kept by several      –                 –                     refuse: nobody knows whose they are
 *   yes        –                          no                –                     refuse: another major version, if volumes are left
 *   yes        –                          –                 no                    refuse: passwords are gone
 *   orphaned   –                          –                 no                    refuse: the same
 *
 * Whether the spec fits an orphaned StatefulSet is judged with the spec (`settle.ts`).
 */
import { objectsOf, recalled } from '../recall.ts';
import { objectNames } from '../../shared/names.ts';
import { unknown, yes, no, type Answer } from '../../shared/answer.ts';
import { clusterName, knownFacts } from '../knowledge.ts';
import { anythingCreated, objectAt, obstacles, ownershipOf, type Ownership } from '../objects.ts';
import type { Facts } from '../facts.ts';
import type { ObjectProjection } from '../observations.ts';
import type { Plan } from '../plan.ts';

interface Retained {
  readonly object: ObjectProjection;
  readonly ownership: Extract<Ownership, { readonly type: 'retained' }>;
}

const retainedObjects = recalled((facts): readonly Retained[] => {
  const found: Retained[] = [];
  for (const { object } of objectsOf(facts)) {
    if (object.kind !== 'PersistentVolumeClaim' && object.kind !== 'Secret') continue;
    const ownership = ownershipOf(facts, object);
    if (ownership.type === 'retained') found.push({ object, ownership });
  }
  return found.length === 0 ? none : found;
});

/** The same list each time. */
const none: readonly Retained[] = [];

const wayOut = 'delete them, or move them away by changing their label postgres.example.com/cluster';

/** May the objects be created, counting what is already there? A `no` names the objects and the way out. */
export const creationAllowed: (facts: Facts, plan: Plan) => Answer = recalled((facts, plan: Plan) => {
  const known = knownFacts(facts);
  if (known.answer !== 'yes') return unknown(known.because, known.values);
  const standing = obstacles(facts, plan);
  const first = standing[0];
  if (first !== undefined) {
    return no(`${first.key} stands in the way: ${first.because}`, {
      objects: standing.map((each) => each.key).join(', '),
    });
  }
  const retained = retainedObjects(facts);
  if (retained.length > 0) return retainedAgree(facts, retained);
  const orphaned = orphanedVolumes(facts);
  const lost = lostPasswords(facts);
  if (orphaned.length === 0 || lost === null) return yes('nothing of an earlier cluster of this name is left');
  return no(`orphaned volumes are there but their Secrets ${lost} are not; restore one, or ${wayOut}`, {
    objects: orphaned.join(', '),
  });
});

/**
 * Volumes with a database that a deletion with --cascade=orphan left. Once anything of this cluster is made, one that bears
 * nobody's uid is its own: made by the StatefulSet's controller.
 */
function orphanedVolumes(facts: Facts): readonly string[] {
  if (anythingCreated(facts)) return [];
  return objectsOf(facts)
    .filter(({ object }) => object.kind === 'PersistentVolumeClaim' && ownershipOf(facts, object).type === 'unclaimed')
    .map(({ object }) => `${object.kind}/${object.name}`);
}

/** Whether there are volumes that an earlier cluster left, however it did. */
function leftVolumes(facts: Facts): boolean {
  return objectsOf(facts)
    .filter(({ object }) => object.kind === 'PersistentVolumeClaim')
    .some(({ object }) => ['retained', 'unclaimed'].includes(ownershipOf(facts, object).type));
}

/** Names of the Secrets that are not there, when none of those is that holds the passwords of members. */
function lostPasswords(facts: Facts): string | null {
  const { credentialsInForce, credentials, applicationSecret } = objectNames(clusterName(facts));
  const isThere = (name: string): boolean => objectAt(facts, `Secret/${name}`) !== null;
  if (isThere(credentialsInForce) || isThere(credentials)) return null;
  return [credentialsInForce, credentials, applicationSecret].filter((name) => !isThere(name)).join(', ');
}

/** Not known: kept by a deletion that came before the database was seen. */
const noIdentifier = 'none';

/** Why what is left is not known to be of one database; null when it is. */
function discord(identifiers: readonly string[], uids: readonly string[]): string | null {
  const known = identifiers.filter((each) => each !== noIdentifier);
  const [one] = known;
  if (known.length > 1)
    return `retained volumes and Secrets are of different databases (system identifiers ${identifiers.join(', ')})`;
  if (one !== undefined && identifiers.length > 1)
    return `some of the retained volumes and Secrets are of the database with system identifier ${one}, and of the others nobody knows the database`;
  if (one === undefined && uids.length > 1)
    return `${uids.length} clusters of this name left volumes and Secrets, and nobody knows their databases`;
  return null;
}

function retainedAgree(facts: Facts, retained: readonly Retained[]): Answer {
  const version = facts.world.cluster?.seen.spec.version ?? null;
  const identifiers = [...new Set(retained.map((each) => each.ownership.systemIdentifier ?? noIdentifier))].sort();
  const majors = [...new Set(retained.map((each) => each.ownership.major ?? 'none'))].sort();
  const uids = [...new Set(retained.map((each) => each.ownership.uid))].sort();
  const objects = retained.map((each) => `${each.object.kind}/${each.object.name}`).join(', ');
  const values = { objects, identifiers: identifiers.join(', '), majors: majors.join(', '), version };
  const differ = discord(identifiers, uids);
  if (differ !== null) return no(`${differ}; ${wayOut}`, values);
  // Of Secrets alone nobody minds the version: passwords fit any.
  const hasVolumes = leftVolumes(facts);
  if (hasVolumes && (majors.length > 1 || majors[0] !== version)) {
    return no(
      `retained volumes hold PostgreSQL ${majors.join(', ')}, spec.version is ${version ?? 'unset'}; ${wayOut}`,
      values,
    );
  }
  const lost = hasVolumes ? lostPasswords(facts) : null;
  if (lost !== null) {
    return no(`retained volumes are there but their Secrets ${lost} are not; restore one, or ${wayOut}`, values);
  }
  return identifiers[0] === noIdentifier
    ? yes('retained volumes and Secrets are of one cluster, which was deleted before its database was seen', values)
    : yes(`retained volumes and Secrets agree on system identifier ${identifiers[0] ?? ''}`, values);
}
