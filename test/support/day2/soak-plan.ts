/**
 * Owns: what a soak does to a cluster and in which order, from a seed, and its report. Pure. Round by round every edit and every fault
 * comes alone, and every edit in company of a fault that strikes while it is under way.
 */
import { seeded } from '#test/support/seeded.ts';

export const soakEdits = ['switchover', 'scale', 'rolling update'] as const;
export const soakFaults = [
  'PostgreSQL killed',
  'pod killed',
  'node killed',
  'node cut off',
  'node cut off from the API server',
  'API server away',
  'operator killed',
] as const;

export type SoakEdit = (typeof soakEdits)[number];
export type SoakFault = (typeof soakFaults)[number];

export interface SoakStep {
  readonly edit: SoakEdit | null;
  readonly fault: SoakFault | null;
  /** Whose process, pod or node it is. */
  readonly whom: 'primary' | 'replica';
  /** In [0, 1): chooses among several that fit. */
  readonly choice: number;
}

/** Steps without end; the same ones for the same seed. */
export function* soakSteps(seed: number): Generator<SoakStep, never> {
  const random = seeded(seed);
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const step = (edit: SoakEdit | null, fault: SoakFault | null): SoakStep => ({
    edit,
    fault,
    whom: random() < 0.6 ? 'primary' : 'replica',
    choice: random(),
  });
  for (;;) {
    const round = [
      ...soakEdits.map((edit) => step(edit, null)),
      ...soakFaults.map((fault) => step(null, fault)),
      ...soakEdits.map((edit) => step(edit, one(soakFaults))),
    ].map((each): [number, SoakStep] => [random(), each]);
    yield* round.sort(([first], [second]) => first - second).map(([, each]) => each);
  }
}

/** How many members a cluster of so many is scaled to: always at least two, for one has to confirm. */
export function scaledTo(members: number, choice: number): number {
  if (members !== 3) return 3;
  return choice < 0.5 ? 2 : 4;
}

/** A step in words. */
export function stepName({ edit, fault, whom }: SoakStep): string {
  const isOfMember = fault !== null && fault !== 'API server away' && fault !== 'operator killed';
  const struck = fault === null ? [] : [`${fault}${isOfMember ? ` (${whom})` : ''}`];
  return [...(edit === null ? [] : [edit]), ...struck].join(' + ');
}

export interface SoakDone {
  readonly name: string;
  readonly gapMs: number;
  readonly tookMs: number;
}

export interface SoakReport {
  readonly seed: number;
  readonly setting: string;
  readonly minutes: number;
  readonly steps: readonly SoakDone[];
  readonly acknowledged: number;
  /** Rows whose answer never came, and how many of them are there. */
  readonly unknown: number;
  readonly unknownFound: number;
  readonly lost: number;
  /** Sentences; empty when there never were two. */
  readonly twoPrimaries: readonly string[];
}

/** The report as text: one line for each kind of step with its worst write gap, then the sums. */
export function soakText(report: SoakReport): string {
  const byName = new Map<string, SoakDone[]>();
  for (const step of report.steps) byName.set(step.name, [...(byName.get(step.name) ?? []), step]);
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  const worst = (steps: readonly SoakDone[]): number => Math.max(0, ...steps.map(({ gapMs }) => gapMs));
  const rows = [...byName]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, steps]) => `| ${name} | ${steps.length} | ${seconds(worst(steps))} |`);
  return [
    '| done | times | worst write gap, s |',
    '| --- | --- | --- |',
    ...rows,
    '',
    `${report.setting}, seed ${report.seed}, ${report.minutes.toFixed(1)} min: ${report.steps.length} steps, ${report.acknowledged} rows acknowledged, ` +
      `${report.lost} of them lost; of ${report.unknown} that were never answered ${report.unknownFound} are there; ` +
      `two writable primaries ${report.twoPrimaries.length === 0 ? 'never' : report.twoPrimaries.join('; ')}; ` +
      `worst write gap ${seconds(worst(report.steps))} s`,
  ].join('\n');
}
