/**
 * Owns: answering a question about facts from memory. While a question is answered, all that it looks at is noted: fields of
 * the facts, single objects of the world, and answers to further questions. Asked again, its answer stands as long as each of
 * these is the very same. Nobody states what an answer rests on, so nobody can state it wrongly.
 *
 * I1. Facts are never changed in place: the same value has the same content.
 * I2. A question looks at the facts and at what else it is given, at nothing else, and catches nothing. Its answer holds none
 *     of the facts that it was lent: read when it has been given, they throw.
 * I3. Fields and objects are compared first, then further questions are asked again in their order, so that none is asked
 *     that would not have been asked.
 */
import type { Facts, Memory, ObjectFact, World } from './facts.ts';

const worldFields: Readonly<Record<Exclude<keyof World, 'objects'>, true>> = {
  knowledge: true,
  stale: true,
  cluster: true,
  config: true,
  leaderSilentSince: true,
};

const memoryFields: Readonly<Record<keyof Memory, true>> = {
  version: true,
  accepted: true,
  dcs: true,
  image: true,
  chosenImage: true,
  takenWhileDown: true,
  systemIdentifier: true,
  rolledOutGeneration: true,
  rolledOut: true,
  failedRollout: true,
  silentRollout: true,
  bootstrapParameters: true,
  configuring: true,
  verified: true,
  expected: true,
  open: true,
  failures: true,
  loops: true,
  warnings: true,
  rooms: true,
  failedStarts: true,
  missed: true,
  relief: true,
  retryCount: true,
  lastError: true,
  lastErrorAt: true,
  handled: true,
  database: true,
  held: true,
  request: true,
  refused: true,
  credentials: true,
  turn: true,
  timers: true,
  expired: true,
  conditions: true,
  previousReplicas: true,
  leader: true,
  leaderLostAt: true,
  stateSince: true,
  failedGeneration: true,
  published: true,
  found: true,
  marked: true,
  amnesia: true,
  events: true,
};

const inMemory = Object.keys(memoryFields);

/** Bits of a number; more fields than that need another one. */
const bitsMax = 31;

/** Names of fields; the place of each is its bit. */
const names = {
  world: Object.keys(worldFields),
  memory: inMemory.slice(0, bitsMax),
  more: inMemory.slice(bitsMax),
} as const;

type Group = keyof typeof names;

/** A part of the facts with one field for each, whatever it holds. */
type Fields = Readonly<Record<string, unknown>>;

type Objects = World['objects'];

type Question<Given extends readonly unknown[], Value> = (facts: Facts, ...given: Given) => Value;

/** A further question, what it was given, and its answer. */
interface Further {
  readonly question: Question<never, unknown>;
  readonly given: readonly unknown[];
  readonly answer: unknown;
}

/** What is looked at while a question is answered. */
interface Looked {
  /** Fields, as bits. */
  readonly fields: Record<Group, number>;
  /** Single objects, by key. */
  readonly keys: Set<string>;
  /** All objects were looked at, or which there are. */
  objects: boolean;
  readonly further: Further[];
}

/** Who is answering. */
interface Answering {
  /** Null once it has. */
  facts: Facts | null;
  looked: Looked;
}

const borrower = Symbol('borrower');

/** Facts, or a part of them, that are lent to a question. */
interface Lent {
  readonly [borrower]?: Answering;
}

function borrowerOf(part: Facts | World | Memory): Answering | undefined {
  return (part as Lent)[borrower];
}

function factsOf(answering: Answering | undefined, what: string): Facts {
  if (answering === undefined || answering.facts === null)
    throw new Error(`${what} is read of facts that were lent to a question, and it has been answered`);
  return answering.facts;
}

function partOf(facts: Facts, group: Group): Fields {
  return (group === 'world' ? facts.world : facts.memory) as unknown as Fields;
}

function fieldsOf(group: Group): PropertyDescriptorMap {
  const descriptor = (name: string, place: number): PropertyDescriptor => ({
    enumerable: true,
    get(this: Lent): unknown {
      const answering = this[borrower];
      const facts = factsOf(answering, name);
      if (answering !== undefined) answering.looked.fields[group] |= 1 << place;
      return partOf(facts, group)[name];
    },
  });
  return Object.fromEntries(names[group].map((name, place) => [name, descriptor(name, place)]));
}

/** The objects of the world, lent: single ones are noted by their keys. */
function lentObjects(answering: Answering): Objects {
  const all = (): Objects => factsOf(answering, 'objects').world.objects;
  const one = (key: string | symbol): string => {
    const name = String(key);
    answering.looked.keys.add(name);
    return name;
  };
  return new Proxy<Objects>(
    {},
    {
      get: (_, key) => all()[one(key)],
      has: (_, key) => one(key) in all(),
      getOwnPropertyDescriptor: (_, key) => Object.getOwnPropertyDescriptor(all(), one(key)),
      ownKeys: () => {
        answering.looked.objects = true;
        return Object.keys(all());
      },
    },
  );
}

/** All objects of the world: what `Object.values` says, and cheaper where the facts are lent. */
export function objectsOf({ world }: { readonly world: World }): readonly ObjectFact[] {
  const answering = borrowerOf(world);
  if (answering === undefined) return Object.values(world.objects);
  answering.looked.objects = true;
  return Object.values(factsOf(answering, 'objects').world.objects);
}

const fields = {
  world: fieldsOf('world'),
  memory: { ...fieldsOf('memory'), ...fieldsOf('more') },
};

function nothing(): Looked {
  return { fields: { world: 0, memory: 0, more: 0 }, keys: new Set(), objects: false, further: [] };
}

interface Loan {
  readonly answering: Answering;
  readonly facts: Facts;
}

function newLoan(): Loan {
  const answering: Answering = { facts: null, looked: nothing() };
  const lent = (): object => Object.defineProperty({}, borrower, { value: answering });
  const world = Object.defineProperties(lent(), fields.world);
  const parts = {
    world: Object.defineProperty(world, 'objects', { enumerable: true, value: lentObjects(answering) }),
    memory: Object.defineProperties(lent(), fields.memory),
  };
  // The cast stands at the border: the two parts have every field of their type, and no other.
  return { answering, facts: Object.assign(lent(), parts) as unknown as Facts };
}

/** Loans by how many questions are being answered: one within the other, and the inner one ends first. */
const loans: Loan[] = [];
let depth = 0;

interface Known<Given, Value> {
  /** Facts on which it was last found to stand. */
  facts: Facts;
  readonly given: Given;
  readonly value: Value;
  readonly looked: Looked;
}

function areSame(bits: number, group: Group, one: Facts, other: Facts): boolean {
  const [now, before] = [partOf(one, group), partOf(other, group)];
  for (let left = bits; left !== 0; left &= left - 1) {
    const name = names[group][31 - Math.clz32(left & -left)] ?? '';
    if (!Object.is(now[name], before[name])) return false;
  }
  return true;
}

function areSameObjects({ objects, keys }: Looked, now: Objects, before: Objects): boolean {
  if (now === before) return true;
  if (objects) return false;
  for (const key of keys) if (now[key] !== before[key]) return false;
  return true;
}

function areAll(given: readonly unknown[], known: readonly unknown[]): boolean {
  for (let place = 0; place < given.length; place += 1) if (!Object.is(given[place], known[place])) return false;
  return true;
}

/** Whether an answer stands on other facts; from then on these are what it is compared with. */
function stands(known: Known<readonly unknown[], unknown>, facts: Facts): boolean {
  const { looked, facts: before } = known;
  if (before === facts) return true;
  if (before.world !== facts.world) {
    if (!areSame(looked.fields.world, 'world', facts, before)) return false;
    if (!areSameObjects(looked, facts.world.objects, before.world.objects)) return false;
  }
  if (before.memory !== facts.memory) {
    if (!areSame(looked.fields.memory, 'memory', facts, before)) return false;
    if (!areSame(looked.fields.more, 'more', facts, before)) return false;
  }
  for (const { question, given, answer } of looked.further)
    if (!Object.is(question(facts, ...(given as never)), answer)) return false;
  known.facts = facts;
  return true;
}

function answered<Given extends readonly unknown[], Value>(
  ask: Question<Given, Value>,
  facts: Facts,
  given: Given,
): Known<Given, Value> {
  const loan = (loans[depth] ??= newLoan());
  const looked = nothing();
  loan.answering.facts = facts;
  loan.answering.looked = looked;
  depth += 1;
  try {
    return { facts, given, value: ask(loan.facts, ...given), looked };
  } finally {
    depth -= 1;
    loan.answering.facts = null;
  }
}

/**
 * The question, answered from memory where its answer stands. Of each cluster the newest answer is kept, as long as the
 * PostgresCluster is seen as it is. Who asks it while answering a question rests on the answer: one that is a mere word may
 * be read from much that changes, and nothing else changes with it.
 * @param ask pure; what it is given besides facts is compared by identity
 */
export function recalled<Given extends readonly unknown[], Value>(ask: Question<Given, Value>): Question<Given, Value> {
  const memory = new WeakMap<object, Known<Given, Value>>();
  let newest: Known<Given, Value> | null = null;
  const onFacts = (facts: Facts, ...given: Given): Value => {
    // Most questions are asked many times in one decision.
    if (newest !== null && newest.facts === facts && areAll(given, newest.given)) return newest.value;
    const { cluster } = facts.world;
    if (cluster === null) return ask(facts, ...given);
    const before = memory.get(cluster);
    const isKnown = before !== undefined && areAll(given, before.given) && stands(before, facts);
    const now = isKnown ? before : answered(ask, facts, given);
    if (!isKnown) memory.set(cluster, now);
    newest = now;
    return now.value;
  };
  return (facts, ...given) => {
    const answering = borrowerOf(facts);
    // Facts of which a part is lent: whoever borrowed it notes what is read.
    if (answering === undefined && (borrowerOf(facts.world) ?? borrowerOf(facts.memory)) !== undefined)
      return ask(facts, ...given);
    if (answering === undefined) return onFacts(facts, ...given);
    const answer = onFacts(factsOf(answering, 'it'), ...given);
    const { further } = answering.looked;
    const isNoted = further.some((each) => each.question === onFacts && areAll(given, each.given));
    if (!isNoted) further.push({ question: onFacts, given, answer });
    return answer;
  };
}
