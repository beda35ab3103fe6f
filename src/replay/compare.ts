/**
 * Owns: what another build would have decided, row by row ("step mode"). The other build learns every recorded observation by
 * its own rules; state path and memory are set back to the recorded ones before each row, so that one change is reported
 * where it happens and does not drown what follows. What it did is compared with what is recorded. Pure.
 *
 * The recorded memory is what the reference build computes; rows that it does not reproduce byte for byte are counted as
 * `unproved`, for there its memory is an opinion.
 */
import type { World } from '#machines/cluster/facts.ts';
import { sha256 } from '#src/decision/hash.ts';
import type { DecideInput, Decided } from '#src/decision/decide.ts';
import type { Decision, Read, Versions } from '#src/decision/record.ts';
import { withWatchedProjections } from './absent.ts';
import { differencesOf, type Difference, type DifferenceClass } from './differences.ts';
import { recordedVersions, type Core, type JournalRow } from './redecide.ts';
import { walk, type WalkInput, type WalkStep } from './walk.ts';

/** A difference, and the row it shows in. */
export interface RowDifference extends Difference {
  readonly seq: number;
  readonly at: string;
  readonly rowAt: number;
  readonly observation: string;
}

export interface Comparison {
  /** Rows that hold a decision. */
  readonly rows: number;
  /** Of those, how many the other build decides alike. */
  readonly alike: number;
  /** Rows that the reference build does not reproduce. */
  readonly unproved: number;
  readonly differences: readonly RowDifference[];
}

/** A row with the version of the door's allow-list that its observation passed. */
export interface MaskedRow extends JournalRow {
  readonly maskVersion: number;
}

/** What a build could not look up, because nobody had when the row was written. */
interface Lookups {
  readonly versions: Versions;
  readonly missed: Set<string>;
}

/** Stands for a resourceVersion that was not looked up, so that what rests on it is seen all the same. */
const notRecorded = 'not recorded';

/**
 * Lookups as the row recorded them.
 * @param granted keys that are answered although nobody asked then, with the uid that the facts hold
 */
function lookups(reads: readonly Read[], granted: ReadonlyMap<string, string> = new Map()): Lookups {
  const recorded = recordedVersions(reads);
  const missed = new Set<string>();
  return {
    missed,
    versions: (kind, name) => {
      const found = recorded(kind, name);
      if (found !== null) return found;
      const uid = granted.get(`${kind}/${name}`);
      if (uid !== undefined) return { uid, resourceVersion: notRecorded };
      missed.add(`${kind}/${name}`);
      return null;
    },
  };
}

/** Fields of recorded projections that a decision reads and that are not there. */
function absentFields(core: Core, input: Omit<DecideInput, 'versions'>, reads: readonly Read[]): ReadonlySet<string> {
  const absent = new Set<string>();
  const { snapshot, observation } = withWatchedProjections(input, (path) => absent.add(path));
  try {
    core.decide({ snapshot, observation, stamp: input.stamp, versions: recordedVersions(reads) });
  } catch {
    // Whatever it was, deciding on the plain value has told it.
  }
  return absent;
}

interface Tried {
  readonly decided: Decided | null;
  readonly failed: unknown;
  readonly missed: ReadonlySet<string>;
}

function tried(core: Core, input: Omit<DecideInput, 'versions'>, { versions, missed }: Lookups): Tried {
  try {
    return { decided: core.decide({ ...input, versions }), failed: null, missed };
  } catch (failed) {
    return { decided: null, failed, missed };
  }
}

/** uid of each object as the facts hold it. */
function uidsOf({ snapshot }: Omit<DecideInput, 'versions'>, keys: readonly string[]): ReadonlyMap<string, string> {
  const { objects, cluster } = snapshot.facts.world;
  return new Map(keys.map((key) => [key, objects[key]?.object.uid ?? cluster?.seen.uid ?? notRecorded]));
}

function only(left: ReadonlySet<string>, right: ReadonlySet<string>): readonly string[] {
  return [...left].filter((each) => !right.has(each));
}

/** What is recorded does not answer. */
interface Unanswered {
  /** Keys that the other build alone looked up. */
  readonly reads: readonly string[];
  /** Fields of projections that the other build alone read, and that the row does not hold. */
  readonly fields: readonly string[];
}

/** Differences of a row; those that what is recorded cannot answer are told as that. */
function judged(found: readonly Difference[], { reads, fields }: Unanswered, mask: number): readonly Difference[] {
  const words = found.filter((each) => each.class === 'cosmetic');
  const grave = found.length - words.length;
  if (grave > 0 && fields.length > 0) {
    const computed = `${grave} ${grave === 1 ? 'difference rests' : 'differences rest'} on it`;
    const at = `mask ${mask}`;
    return [
      ...words,
      ...fields.map((what): Difference => ({ class: 'unanswerable', what, at, recorded: null, computed })),
    ];
  }
  // What came of a lookup shows as what it is; one that changed nothing may have been answered otherwise.
  if (grave > 0) return found;
  return [
    ...words,
    ...reads.map((key): Difference => ({
      class: 'unanswerable',
      what: `uid and resourceVersion of ${key}`,
      at: 'reads',
      recorded: null,
      computed: 'looked up by the new build alone',
    })),
  ];
}

interface Builds {
  readonly reference: Core;
  readonly candidate: Core;
}

interface Compared {
  readonly differences: readonly Difference[];
  /** What the other build knows of the world after this row. */
  readonly world: World | null;
}

function adopted(candidate: Core, snapshot: unknown): DecideInput['snapshot'] {
  const result = candidate.adopt(snapshot);
  if (result.type === 'present' || result.type === 'migrated') return result.snapshot;
  const why = result.type === 'newer' ? `its memory has version ${result.version}` : result.because;
  throw new Error(`the build cannot take over what is recorded: ${why}`);
}

function compareStep(builds: Builds, step: WalkStep<MaskedRow>, world: World | null, recorded: Decision): Compared {
  const { reference, candidate } = builds;
  const { row, before } = step;
  const { reads } = recorded;
  const observation = candidate.upcast(row.typeVersion, recorded.observation);
  const stamp = { epoch: row.epoch, seq: row.seq, at: row.at };
  const start = before?.snapshot ?? reference.initialSnapshot(row.at);
  const taken = before === null ? candidate.initialSnapshot(row.at) : adopted(candidate, start);
  const facts = world === null ? taken.facts : { ...taken.facts, world };
  const input = { snapshot: { ...taken, facts }, observation, stamp };
  const own = { snapshot: start, observation: reference.upcast(row.typeVersion, recorded.observation), stamp };
  const first = tried(candidate, input, lookups(reads));
  const alone = first.missed.size === 0 ? [] : only(first.missed, tried(reference, own, lookups(reads)).missed);
  const { decided, failed } =
    alone.length === 0 ? first : tried(candidate, input, lookups(reads, uidsOf(input, alone)));
  if (decided === null)
    return {
      world: null,
      differences: [
        {
          class: 'missing',
          what: 'the decision',
          at: '',
          recorded: row.type,
          computed: `it throws: ${String(failed)}`,
        },
      ],
    };
  const after = decided.snapshot.facts.world;
  const decision = { ...decided.decision, observation: recorded.observation };
  const same = candidate.encodeBody(decision, sha256) === row.body;
  if (same && alone.length === 0) return { differences: [], world: after };
  const found = differencesOf(recorded, decision);
  const fields =
    found.length === 0 ? [] : only(absentFields(candidate, input, reads), absentFields(reference, own, reads));
  return { world: after, differences: judged(found, { reads: alone, fields }, row.maskVersion) };
}

/**
 * Decides every row with the other build and compares with what is recorded.
 * @param reference the build that wrote the rows, or one that decides as it does
 */
export function compareRows(reference: Core, candidate: Core, input: WalkInput<MaskedRow>): Comparison {
  let world: World | null = null;
  let [rows, alike, unproved] = [0, 0, 0];
  const differences: RowDifference[] = [];
  for (const step of walk(reference, input)) {
    const { row, again, failed, after } = step;
    if (again === null && failed === null) {
      world = after === null ? null : adopted(candidate, after.snapshot).facts.world;
      continue;
    }
    rows += 1;
    if (again?.body !== row.body) unproved += 1;
    const compared = compareStep({ reference, candidate }, step, world, reference.decodeBody(row.body, input.getBlob));
    world = compared.world ?? after?.snapshot.facts.world ?? null;
    if (compared.differences.length === 0) alike += 1;
    for (const each of compared.differences)
      differences.push({ ...each, seq: row.seq, rowAt: row.at, observation: row.type });
  }
  return { rows, alike, unproved, differences };
}

/** How many of each class, the gravest first; classes without any are left out. */
export function countsOf(
  differences: readonly Difference[],
  classes: readonly DifferenceClass[],
): Readonly<Partial<Record<DifferenceClass, number>>> {
  return Object.fromEntries(
    classes
      .map((each) => [each, differences.filter((difference) => difference.class === each).length] as const)
      .filter(([, count]) => count > 0),
  );
}
