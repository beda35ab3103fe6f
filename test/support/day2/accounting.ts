/**
 * Owns: what a writer's and two probes' records say, as pure functions: rows lost, gaps of writing, two writable
 * primaries. Times are milliseconds of the machine's monotonic clock, the same in every process.
 */

/** What became of one row the writer sent. Unknown: the answer never came, so either may be true. */
export type RowOutcome = 'acknowledged' | 'refused' | 'unknown';

export interface Row {
  readonly id: number;
  readonly outcome: RowOutcome;
  readonly sentAt: number;
  readonly answeredAt: number;
}

export interface Balance {
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  /** Unknown ones that are there. */
  readonly unknownFound: number;
  /** Acknowledged rows that are not there. */
  readonly lost: readonly number[];
  /** Rows that are there although they were refused or never sent: the account itself would be wrong. */
  readonly unexplained: readonly number[];
}

/** Every row sent against every row found. */
export function balance(rows: readonly Row[], found: readonly number[]): Balance {
  const there = new Set(found);
  const outcomes = new Map(rows.map(({ id, outcome }) => [id, outcome]));
  const count = (outcome: RowOutcome): number => rows.filter((row) => row.outcome === outcome).length;
  return {
    acknowledged: count('acknowledged'),
    refused: count('refused'),
    unknown: count('unknown'),
    unknownFound: rows.filter(({ id, outcome }) => outcome === 'unknown' && there.has(id)).length,
    lost: rows.filter(({ id, outcome }) => outcome === 'acknowledged' && !there.has(id)).map(({ id }) => id),
    unexplained: found.filter((id) => (outcomes.get(id) ?? 'refused') === 'refused'),
  };
}

export interface Gap {
  readonly from: number;
  readonly ms: number;
}

/** The longest time within [from, to] in which no row was acknowledged. */
export function longestGap(rows: readonly Row[], from: number, to: number): Gap {
  const moments = rows
    .filter(({ outcome, answeredAt }) => outcome === 'acknowledged' && answeredAt >= from && answeredAt <= to)
    .map(({ answeredAt }) => answeredAt)
    .sort((a, b) => a - b);
  let longest: Gap = { from, ms: 0 };
  let last = from;
  for (const moment of [...moments, to]) {
    if (moment - last > longest.ms) longest = { from: last, ms: moment - last };
    last = moment;
  }
  return longest;
}

/** One attempt of a probe to write at one pod. */
export interface Attempt {
  readonly probe: string;
  readonly pod: string;
  readonly sentAt: number;
  readonly answeredAt: number;
  /** Failed: no answer, so it says nothing. */
  readonly outcome: 'wrote' | 'refused' | 'failed';
  readonly inRecovery: boolean | null;
  /** Of the pod when it wrote; every promotion makes a new one. */
  readonly timeline: number | null;
  /** Start of its PostgreSQL, milliseconds since 1970; null when unknown. */
  readonly startedAt: number | null;
}

/**
 * Two writable primaries, as sentences; empty when there never were. A promotion begins a timeline, so a write that began on
 * an older one after a newer one had taken a write, or two pods that wrote on the same one, is a split.
 */
export function twoPrimaries(attempts: readonly Attempt[]): readonly string[] {
  const writes = attempts
    .filter(({ outcome, timeline }) => outcome === 'wrote' && timeline !== null)
    .map((attempt) => ({ ...attempt, timeline: attempt.timeline ?? 0 }));
  const firstOf = new Map<number, (typeof writes)[number]>();
  for (const write of writes) {
    const first = firstOf.get(write.timeline);
    if (first === undefined || write.answeredAt < first.answeredAt) firstOf.set(write.timeline, write);
  }
  const found: string[] = [];
  for (const write of writes) {
    const first = firstOf.get(write.timeline);
    if (first !== undefined && first.pod !== write.pod)
      found.push(`${write.pod} and ${first.pod} both wrote on timeline ${write.timeline}`);
    for (const [timeline, newer] of firstOf)
      if (timeline > write.timeline && write.sentAt > newer.answeredAt)
        found.push(
          `${write.pod} took a write on timeline ${write.timeline}, seen by ${write.probe}, ${Math.round(write.sentAt - newer.answeredAt)} ms after ${newer.pod} had taken one on timeline ${timeline}, seen by ${newer.probe}`,
        );
  }
  return [...new Set(found)];
}

/** How often PostgreSQL was started in each pod beyond its first seen start. */
export function startsOf(attempts: readonly Attempt[]): Readonly<Record<string, number>> {
  const starts = new Map<string, Set<number>>();
  for (const { pod, startedAt } of attempts)
    if (startedAt !== null) starts.set(pod, (starts.get(pod) ?? new Set()).add(startedAt));
  return Object.fromEntries(
    [...starts].map(([pod, moments]): [string, number] => [pod, moments.size - 1]).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
