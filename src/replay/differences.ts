/**
 * Owns: what differs between two decisions on the same row, and how much each difference matters. Values are compared, not
 * bytes: a request that says the same in another order of keys is the same request. Pure.
 */
import { phaseOf } from '#machines/cluster/chart.ts';
import type { ApiRequest, Decision, EffectRequest, IntentRecord, Move, TimerSet } from '#src/decision/record.ts';

/**
 * What a difference is, the gravest first.
 * `destructive`: something is deleted, or deleted otherwise, that was not before; `target`: the same effect on another object,
 * with other content, or at another time; `missing`: something is not done any more; `extra`: something is done that was
 * not; `order`: the same in another order; `cosmetic`: words alone. `unanswerable`: what is recorded does not hold what the
 * new build asks for, so nothing can be said.
 */
export const differenceClasses = [
  'destructive',
  'target',
  'missing',
  'extra',
  'order',
  'cosmetic',
  'unanswerable',
] as const;
export type DifferenceClass = (typeof differenceClasses)[number];

/** One difference. */
export interface Difference {
  readonly class: DifferenceClass;
  /** What it is about: `DeleteObject Pod/shop-1`, `move PrimaryLost`, `timer hold`. */
  readonly what: string;
  /** Where in it: a JSON pointer, or a word; empty for the whole. */
  readonly at: string;
  readonly recorded: string | null;
  readonly computed: string | null;
}

type Json = unknown;

function isContainer(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null;
}

/** A place where two JSON values differ. */
export interface Place {
  readonly pointer: string;
  readonly recorded: Json;
  readonly computed: Json;
}

/** Every place where two JSON values differ, deepest first known; the order of keys is no difference. */
export function placesOf(recorded: Json, computed: Json, pointer = ''): readonly Place[] {
  if (!isContainer(recorded) || !isContainer(computed) || Array.isArray(recorded) !== Array.isArray(computed))
    return recorded === computed ? [] : [{ pointer, recorded, computed }];
  const keys = [...new Set([...Object.keys(recorded), ...Object.keys(computed)])];
  return keys.flatMap((key) =>
    placesOf(recorded[key], computed[key], `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
}

/** Longest value quoted in a difference. */
const quoteLengthMax = 200;

function quote(value: Json): string | null {
  if (value === undefined) return null;
  const text = JSON.stringify(value);
  return text.length > quoteLengthMax ? `${text.slice(0, quoteLengthMax)}…` : text;
}

/** Places in a request's body that nobody acts on: words for a human, marks of other tools. */
const cosmeticPlaces: readonly RegExp[] = [
  /^\/metadata\/annotations\/(?!postgres\.example\.com~1)/,
  /^\/metadata\/labels\/app\.kubernetes\.io~1(managed-by|version|part-of)$/,
  /^\/(note|message)$/,
  /^\/status\/(reason|lastError)$/,
  /^\/status\/conditions\/\d+\/(reason|message)$/,
];

function nameOf({ type, target }: IntentRecord): string {
  return `${type} ${target.kind}/${target.name}`;
}

/** An effect that takes something away, or that cannot be taken back. */
function isDestructive({ class: effectClass, request }: IntentRecord): boolean {
  return effectClass === 'D' || (request.type === 'api' && request.method === 'DELETE');
}

function parsedBody(request: ApiRequest): Json {
  if (request.body === null) return null;
  try {
    return JSON.parse(request.body);
  } catch {
    return request.body;
  }
}

function plain(request: EffectRequest): Json {
  return request.type === 'api' ? { ...request, body: parsedBody(request) } : request;
}

function requestDifferences(recorded: IntentRecord, computed: IntentRecord): readonly Difference[] {
  const what = nameOf(recorded);
  const grave: DifferenceClass = isDestructive(recorded) || isDestructive(computed) ? 'destructive' : 'target';
  const places = placesOf(plain(recorded.request), plain(computed.request));
  // A Kubernetes Event is named after its place among the effects of the row, which says nothing.
  const told = places.filter(({ pointer }) => recorded.type !== 'EmitEvent' || pointer !== '/body/metadata/name');
  return told.map(({ pointer, recorded: left, computed: right }) => {
    const inBody = pointer.startsWith('/body') ? pointer.slice('/body'.length) : null;
    const cosmetic = inBody !== null && cosmeticPlaces.some((place) => place.test(inBody));
    return { class: cosmetic ? 'cosmetic' : grave, what, at: pointer, recorded: quote(left), computed: quote(right) };
  });
}

function intentDifferences(recorded: IntentRecord, computed: IntentRecord): readonly Difference[] {
  const what = nameOf(recorded);
  const words: readonly Difference[] =
    recorded.because === computed.because
      ? []
      : [{ class: 'cosmetic', what, at: 'because', recorded: recorded.because, computed: computed.because }];
  const classes: readonly Difference[] =
    recorded.class === computed.class
      ? []
      : [{ class: 'target', what, at: 'effect class', recorded: recorded.class, computed: computed.class }];
  return [...words, ...classes, ...requestDifferences(recorded, computed)];
}

/** Items of both sides paired by key, in order; what has no partner is left over. */
function paired<T>(recorded: readonly T[], computed: readonly T[], key: (each: T) => string) {
  const left = [...recorded];
  const pairs: (readonly [T, T])[] = [];
  const right: T[] = [];
  for (const each of computed) {
    const index = left.findIndex((other) => key(other) === key(each));
    const [partner] = index < 0 ? [] : left.splice(index, 1);
    if (partner === undefined) right.push(each);
    else pairs.push([partner, each]);
  }
  return { pairs, left, right };
}

function intentsDifferences(
  recorded: readonly IntentRecord[],
  computed: readonly IntentRecord[],
): readonly Difference[] {
  const { pairs, left, right } = paired(recorded, computed, nameOf);
  // The same wish for another object is one difference, not two.
  const moved = paired(left, right, ({ type }) => type);
  const same = pairs.map(([each]) => nameOf(each));
  const inOrder = recorded.map(nameOf).filter((name) => same.includes(name));
  const order: readonly Difference[] =
    inOrder.join('\n') === same.join('\n')
      ? []
      : [{ class: 'order', what: 'effects', at: '', recorded: inOrder.join(', '), computed: same.join(', ') }];
  return [
    ...order,
    ...pairs.flatMap(([one, other]) => intentDifferences(one, other)),
    ...moved.pairs.map(([one, other]): Difference => ({
      class: isDestructive(other) ? 'destructive' : 'target',
      what: one.type,
      at: 'target',
      recorded: nameOf(one),
      computed: nameOf(other),
    })),
    ...moved.left.map((each): Difference => ({
      class: 'missing',
      what: nameOf(each),
      at: '',
      recorded: each.because,
      computed: null,
    })),
    ...moved.right.map((each): Difference => ({
      class: isDestructive(each) ? 'destructive' : 'extra',
      what: nameOf(each),
      at: '',
      recorded: null,
      computed: each.because,
    })),
  ];
}

function arrow({ from, to }: Move): string {
  return `${from} → ${to}`;
}

/** A move into the deletion is the first step of taking everything away. */
function leaves(move: Move): boolean {
  return phaseOf(move.to) === 'Deleting' && phaseOf(move.from) !== 'Deleting';
}

function movesDifferences(recorded: readonly Move[], computed: readonly Move[]): readonly Difference[] {
  const { pairs, left, right } = paired(recorded, computed, (move) => `${move.signal} ${move.from}`);
  const same = pairs.map(([each]) => `${each.signal} ${each.from}`);
  const inOrder = recorded.map((each) => `${each.signal} ${each.from}`).filter((name) => same.includes(name));
  return [
    ...(inOrder.join('\n') === same.join('\n')
      ? []
      : [
          {
            class: 'order' as const,
            what: 'moves',
            at: '',
            recorded: inOrder.join(', '),
            computed: same.join(', '),
          },
        ]),
    ...pairs.flatMap(([one, other]): readonly Difference[] => {
      const what = `move ${one.signal}`;
      if (one.to !== other.to)
        return [
          {
            class: leaves(other) ? 'destructive' : 'target',
            what,
            at: 'to',
            recorded: arrow(one),
            computed: arrow(other),
          },
        ];
      const [first] = placesOf(one.answers, other.answers);
      if (first === undefined) return [];
      const { pointer, recorded: was, computed: is } = first;
      return [{ class: 'cosmetic', what, at: `answers${pointer}`, recorded: quote(was), computed: quote(is) }];
    }),
    ...left.map((each): Difference => ({
      class: 'missing',
      what: `move ${each.signal}`,
      at: '',
      recorded: arrow(each),
      computed: null,
    })),
    ...right.map((each): Difference => ({
      class: leaves(each) ? 'destructive' : 'extra',
      what: `move ${each.signal}`,
      at: '',
      recorded: null,
      computed: arrow(each),
    })),
  ];
}

function timerDifferences(recorded: TimerSet, computed: TimerSet): readonly Difference[] {
  const what = `timer ${recorded.id}`;
  const times = ({ delayMs, jitter }: TimerSet): string => `${delayMs} ms, jitter ${jitter}`;
  if (times(recorded) !== times(computed))
    return [{ class: 'target', what, at: 'due', recorded: times(recorded), computed: times(computed) }];
  if (recorded.because === computed.because) return [];
  return [{ class: 'cosmetic', what, at: 'because', recorded: recorded.because, computed: computed.because }];
}

function timersDifferences(recorded: Decision['timers'], computed: Decision['timers']): readonly Difference[] {
  const { pairs, left, right } = paired(recorded.set, computed.set, ({ id }) => id);
  const cleared = paired(recorded.cleared, computed.cleared, (id) => id);
  return [
    ...pairs.flatMap(([one, other]) => timerDifferences(one, other)),
    ...left.map(({ id, because }): Difference => ({
      class: 'missing',
      what: `timer ${id}`,
      at: 'set',
      recorded: because,
      computed: null,
    })),
    ...right.map(({ id, because }): Difference => ({
      class: 'extra',
      what: `timer ${id}`,
      at: 'set',
      recorded: null,
      computed: because,
    })),
    ...cleared.left.map((id): Difference => ({
      class: 'missing',
      what: `timer ${id}`,
      at: 'cleared',
      recorded: id,
      computed: null,
    })),
    ...cleared.right.map((id): Difference => ({
      class: 'extra',
      what: `timer ${id}`,
      at: 'cleared',
      recorded: null,
      computed: id,
    })),
  ];
}

/** Effects to compare. What is only told (class F) follows from the moves: where those differ it says nothing of its own. */
function done({ intents }: Decision, moved: boolean): readonly IntentRecord[] {
  return moved ? intents.filter((intent) => intent.class !== 'F') : intents;
}

/** Every difference between two decisions on the same observation; empty when they say and do the same. */
export function differencesOf(recorded: Decision, computed: Decision): readonly Difference[] {
  const moves = movesDifferences(recorded.moves, computed.moves);
  const moved = moves.some((each) => each.class !== 'cosmetic');
  const elsewhere: readonly Difference[] =
    recorded.to === computed.to || moved
      ? []
      : [{ class: 'target', what: 'state', at: 'to', recorded: recorded.to, computed: computed.to }];
  return [
    ...moves,
    ...elsewhere,
    ...intentsDifferences(done(recorded, moved), done(computed, moved)),
    ...timersDifferences(recorded.timers, computed.timers),
  ];
}
