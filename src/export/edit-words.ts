/** Owns: a plan in words, and how it compares with what happened. Values first, lines from them. Pure. */
import { disruptionClasses } from '#machines/cluster/tables/permission.ts';
import { columns } from './columns.ts';
import type { EditEnd, EditOutcome } from './edit.ts';
import { exceeds, noticedAtMost, type EditPlan } from './edit-plan.ts';
import { timeWords } from './time.ts';

/** Something that went otherwise than planned; classes as `replay --with` has them, where they fit. */
export interface EditDifference {
  readonly class: 'missing' | 'extra' | 'target' | 'order' | 'members' | 'switchovers' | 'disruption' | 'end';
  readonly text: string;
}

/** A plan beside what happened. */
export interface EditComparison {
  readonly plan: EditPlan;
  readonly happened: EditOutcome;
  /** The row in which the edit was seen. */
  readonly fromSeq: number;
  readonly fromAt: number;
  readonly differences: readonly EditDifference[];
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

function fieldLines({ fields }: EditPlan): readonly string[] {
  if (fields.length === 0) return ['It changes no field of the spec.'];
  const rows = fields.map(({ field, disruption, before, after }) => [
    field,
    disruption,
    `${before ?? 'unset'} → ${after ?? 'unset'}`,
  ]);
  return ['It changes:', ...indented(columns(rows))];
}

function costLines({ cost, maxDisruption, hold }: EditPlan): readonly string[] {
  const causes = cost.fields.length === 0 ? '' : `, for ${cost.fields.join(', ')}`;
  const most = maxDisruption === null ? 'maxDisruption is not set' : `maxDisruption is ${maxDisruption}`;
  return [
    `Class:    ${cost.disruption} at most${causes}; ${most}`,
    hold === null ? 'Begins:   at once' : `Begins:   not yet: ${hold.because}`,
  ];
}

function effectLines({ outcome, causes }: EditPlan): readonly string[] {
  if (outcome === null || outcome.effects.length === 0) return ['The operator changes nothing.'];
  const rows = outcome.effects.map(({ type, target, because }, index) => [
    String(index + 1).padStart(3),
    type,
    target,
    because,
    (causes[index] ?? []).length === 0 ? '' : `(${(causes[index] ?? []).join(', ')})`,
  ]);
  return [
    'The operator does, in this order:',
    ...indented(columns(rows.map((row) => row.slice(0, 3).concat(row.slice(3).join(' ').trim())))),
  ];
}

function memberLines({ members, switchovers, disruption }: EditOutcome): readonly string[] {
  return [
    members.length === 0
      ? 'Members:  none is touched'
      : `Members:  ${members.map(({ member, fate }) => `${member} ${fate}`).join(', ')}`,
    switchovers.length === 0
      ? 'Leader:   stays'
      : `Leader:   ${switchovers.map(({ from, to }) => `${from} hands over to ${to}`).join(', ')}`,
    `Noticed:  ${disruption}`,
  ];
}

function endWords(end: EditEnd): string {
  return end.type === 'rolled out' ? 'it is true of every member' : `${end.type}: ${end.because}`;
}

/** Lines that say on what a plan stands. */
function placeLine({ seq, at }: EditPlan): string {
  return seq === null
    ? 'It does not exist yet; volumes that an earlier cluster of this name left are not looked for.'
    : `On the facts after row ${seq}, ${timeWords(at)}.`;
}

/** What the model leaves out. */
export const modelLine =
  'This is the model: images and classes of volumes are there and fit, nodes have room, nothing fails meanwhile.';

/** The answer of `pgc plan`, as lines. */
export function planLines(plan: EditPlan, options: { readonly most: EditPlan['maxDisruption'] }): readonly string[] {
  const { refused, outcome, stands, hold } = plan;
  const head = [stands, placeLine(plan), ''];
  if (refused.length > 0)
    return [
      ...head,
      ...(plan.fields.length === 0 ? [] : fieldLines(plan)),
      ...refused.map((each) => `Refused:  ${each}`),
      'The cluster stays as it is.',
    ];
  const limit = options.most === null ? [] : [`Asked:    no more than ${options.most}`];
  const above = exceeds(plan, options.most)
    ? [
        `Exceeds:  ${options.most === null ? plan.cost.disruption : noticedAtMost(plan)} is more than ${options.most ?? plan.maxDisruption ?? disruptionClasses[0]}`,
      ]
    : [];
  return [
    ...head,
    ...(plan.seq === null ? [] : fieldLines(plan)),
    ...(plan.seq === null ? [] : costLines(plan)),
    ...limit,
    ...above,
    '',
    ...(hold === null ? [] : ['Once it may begin:']),
    ...effectLines(plan),
    ...(outcome === null
      ? []
      : ['', ...(plan.seq === null ? [] : memberLines(outcome)), `End:      ${endWords(outcome.end)}`]),
    '',
    modelLine,
  ];
}

function keysOf({ effects }: EditOutcome): readonly string[] {
  return effects.map(({ type, target }) => `${type} ${target}`);
}

/** Of the first what is not among the second, each as often as it is too many. */
function surplus(all: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return all.filter((each) => {
    const index = left.indexOf(each);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

function effectDifferences(
  planned: readonly string[],
  done: readonly string[],
  isOver: boolean,
): readonly EditDifference[] {
  // What is not over is held to what it has done so far.
  const asked = isOver ? planned : planned.slice(0, done.length);
  const [missing, extra] = [surplus(asked, done), surplus(done, asked)];
  const typeOf = (key: string): string => key.split(' ')[0] ?? '';
  const moved = missing.flatMap((key) => {
    const index = extra.findIndex((each) => typeOf(each) === typeOf(key));
    return index < 0 ? [] : [{ planned: key, done: extra[index] ?? '' }];
  });
  const told = (keys: readonly string[], paired: readonly string[]): readonly string[] => surplus(keys, paired);
  const found: EditDifference[] = [
    ...moved.map((each): EditDifference => ({
      class: 'target',
      text: `${each.planned} was planned, ${each.done} was done`,
    })),
    ...told(
      missing,
      moved.map((each) => each.planned),
    ).map((key): EditDifference => ({ class: 'missing', text: `${key} was planned and was not done` })),
    ...told(
      extra,
      moved.map((each) => each.done),
    ).map((key): EditDifference => ({ class: 'extra', text: `${key} was done and was not planned` })),
  ];
  if (found.length > 0 || asked.join('\n') === done.join('\n')) return found;
  return [{ class: 'order', text: `planned ${asked.join(', ')}; done ${done.join(', ')}` }];
}

function membersText({ members }: EditOutcome): string {
  return members.map(({ member, fate }) => `${member} ${fate}`).join(', ') || 'none';
}

function switchoversText({ switchovers }: EditOutcome): string {
  return switchovers.map(({ from, to }) => `${from} to ${to}`).join(', ') || 'none';
}

const nothing: EditOutcome = {
  effects: [],
  members: [],
  switchovers: [],
  disruption: 'None',
  end: { type: 'refused', because: '' },
};

/** Where what happened is not what was planned; empty when it is, or, while it is not over, when it is so far. */
export function differencesOf(plan: EditPlan, happened: EditOutcome): readonly EditDifference[] {
  const isHeld = happened.end.type === 'held';
  const planned = plan.outcome ?? nothing;
  const isOver = happened.end.type !== 'under way' && !isHeld;
  const differ = (kind: EditDifference['class'], of: (outcome: EditOutcome) => string): readonly EditDifference[] =>
    of(planned) === of(happened) ? [] : [{ class: kind, text: `planned ${of(planned)}; in fact ${of(happened)}` }];
  if (isHeld && plan.hold === null)
    return [{ class: 'end', text: `it was planned to begin at once; in fact ${happened.end.because}` }];
  return [
    ...effectDifferences(keysOf(planned), keysOf(happened), isOver),
    ...(isOver
      ? [
          ...differ('members', membersText),
          ...differ('switchovers', switchoversText),
          ...differ('disruption', ({ disruption }) => disruption),
          ...differ('end', ({ end }) => end.type),
        ]
      : []),
  ];
}

/** The answer of `pgc plan --compare`, as lines. */
export function comparisonLines({ plan, happened, fromSeq, fromAt, differences }: EditComparison): readonly string[] {
  const isOver = happened.end.type !== 'under way' && happened.end.type !== 'held';
  const verdict = differences.length > 0 ? 'not as planned' : isOver ? 'as planned' : 'as planned so far';
  const count = happened.effects.length;
  return [
    `${plan.namespace}/${plan.name}, generation ${plan.generation}, seen in row ${fromSeq}, ${timeWords(fromAt)}: ${verdict}`,
    ...differences.map((each) => `  ${each.class.padEnd(11)}  ${each.text}`),
    `Done:     ${count === 1 ? '1 effect' : `${count} effects`}${isOver ? '' : ` of ${plan.outcome?.effects.length ?? 0}`}`,
    ...memberLines(happened),
    `End:      ${endWords(happened.end)}`,
  ];
}
