/**
 * Owns: what day-two runs measured: a JSON file per procedure in `.run/day2`, and the table of `docs/day2.md` made from
 * them (`npm run day2:report`).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiWrites } from './audit.ts';

export interface Measured {
  readonly procedure: string;
  /** What was there: version, Patroni, DCS, members. */
  readonly setting: string;
  readonly isPlanned: boolean;
  readonly gapMs: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** Milliseconds in which two pods bore the primary's label. */
  readonly twoLabelledMs: number;
  readonly twoPrimaries: readonly string[];
  /** Per pod. */
  readonly starts: Readonly<Record<string, number>>;
  readonly recreations: Readonly<Record<string, number>>;
  readonly apiWrites: ApiWrites;
  readonly tookMs: number;
  /** What the writer met meanwhile, by kind and code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Load average of the machine at the end: how far the times can be trusted. */
  readonly load: number;
}

const root = new URL('../../../', import.meta.url).pathname;
const folder = join(root, '.run/day2');
const page = join(root, 'docs/day2.md');
const [begin, end] = ['<!-- measured: begin -->', '<!-- measured: end -->'] as const;

/** Keeps a measurement; the latest of a procedure and setting counts. */
export function keepMeasured(measured: Measured): void {
  mkdirSync(folder, { recursive: true });
  const name = slugOf(measured.procedure, measured.setting);
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(measured, null, 2)}\n`);
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);
const counts = (values: Readonly<Record<string, number>>): string => {
  const told = Object.entries(values).filter(([, count]) => count > 0);
  return told.length === 0 ? '0' : told.map(([what, count]) => `${what} ${count}`).join(', ');
};

const head = [
  'procedure',
  'setting',
  'write gap, s',
  'rows acknowledged',
  'lost',
  'two labels, s',
  'two writable primaries',
  'PostgreSQL starts',
  'pods made anew',
  'writes of the operator',
  'took, s',
  'load of 2 cores',
];

function cellsOf(row: Measured): readonly string[] {
  return [
    row.procedure,
    row.setting,
    seconds(row.gapMs),
    String(row.acknowledged),
    String(row.lost),
    seconds(row.twoLabelledMs),
    row.twoPrimaries.length === 0 ? 'never' : `${row.twoPrimaries.length}`,
    counts(row.starts),
    counts(row.recreations),
    counts(row.apiWrites.operator),
    seconds(row.tookMs),
    row.load.toFixed(0),
  ];
}

const lineOf = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Name of a measurement: of the file it is kept in, and of its place in the table. */
function slugOf(procedure: string, setting: string): string {
  return `${procedure} ${setting}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

/** Lines of a table by the name of what they tell. */
function linesOf(table: string): ReadonlyMap<string, string> {
  const lines = table.split('\n').filter((line) => line.startsWith('| '));
  return new Map(
    lines.slice(2).map((line): [string, string] => {
      const [, procedure = '', setting = ''] = line.split('|').map((cell) => cell.trim());
      return [slugOf(procedure, setting), line];
    }),
  );
}

/** The measurements as a Markdown table. What was not measured again is as it stands in `before`, a table too. */
export function measuredTable(rows: readonly Measured[], before = ''): string {
  const measured = rows.map((row): [string, string] => [slugOf(row.procedure, row.setting), lineOf(cellsOf(row))]);
  const lines = [...new Map([...linesOf(before), ...measured])].sort(([one], [other]) => (one < other ? -1 : 1));
  return [lineOf(head), lineOf(head.map(() => '---')), ...lines.map(([, line]) => line)].join('\n');
}

function kept(): readonly Measured[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Measured);
}

/** Puts the table of what was measured into the page. @throws when nothing was measured or the page has no place for it */
export function writePage(): void {
  const rows = kept();
  if (rows.length === 0) throw new Error('nothing was measured yet: run the day-two tests (make test-e2e) first');
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} lacks the lines ${begin} and ${end}`);
  const table = measuredTable(rows, text.slice(from, to));
  writeFileSync(page, `${text.slice(0, from)}${begin}\n\n${table}\n\n${text.slice(to)}`);
}

if (import.meta.main) {
  writePage();
  process.stdout.write(`${kept().length} measurements are in docs/day2.md\n`);
}
