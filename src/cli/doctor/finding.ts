/** Owns: what the doctor says of one thing that was looked at. Pure. */
import { columns } from '#src/export/columns.ts';

/** `unknown` is what whoever asks may not see: neither good nor bad. */
export type Verdict = 'ok' | 'unknown' | 'warning' | 'trouble';

export interface Finding {
  /** What was looked at, one word. */
  readonly check: string;
  /** `namespace/name` of a cluster; null for what all clusters share. */
  readonly cluster: string | null;
  readonly verdict: Verdict;
  /** One sentence, with the values that were compared. */
  readonly says: string;
  /** What a human does next; null where there is nothing to do. */
  readonly next: string | null;
}

/** A finding without the cluster that it is about. */
export type Found = Omit<Finding, 'cluster' | 'check'>;

/** It is as it should be. */
export const fine = (says: string): Found => ({ verdict: 'ok', says, next: null });
/** It will hurt one day. */
export const warning = (says: string, next: string): Found => ({ verdict: 'warning', says, next });
/** It hurts now, or hinders the operator. */
export const trouble = (says: string, next: string): Found => ({ verdict: 'trouble', says, next });
/** Nobody could say. */
export const unknown = (because: string, next: string | null = null): Found => ({
  verdict: 'unknown',
  says: `cannot be known: ${because}`,
  next,
});

/** Names as a list that ends, however many there are. */
export function some(names: readonly string[], most = 5): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ');
}

/** Whether a human has to do something. */
export function isTrouble(findings: readonly Finding[]): boolean {
  return findings.some(({ verdict }) => verdict === 'trouble');
}

/** Characters of the longest verdict. */
const widest = 7;

/** A line for each finding, what to do below it where there is something, and the sum. */
export function findingLines(findings: readonly Finding[]): readonly string[] {
  const table = columns(
    findings.map(({ verdict, check, cluster, says }) => [verdict.padEnd(widest), check, cluster ?? '', says]),
  );
  const lines = table.flatMap((line, index) => {
    const next = findings[index]?.next ?? null;
    return next === null ? [line] : [line, `${' '.repeat(widest)}  next: ${next}`];
  });
  const counted = (['trouble', 'warning', 'unknown', 'ok'] as const).map(
    (verdict) => `${findings.filter((each) => each.verdict === verdict).length} ${verdict}`,
  );
  return [...lines, '', counted.join(', ')];
}
