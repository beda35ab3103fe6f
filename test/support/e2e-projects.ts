/**
 * Owns: which end-to-end files there are, under which project's name and with which environment each of them runs, and in which order they
 * begin where several clusters share them.
 */
import { readdirSync } from 'node:fs';
import { pairwise, usual, type Setting } from './pairwise.ts';

export interface E2eProject {
  readonly name: string;
  /** Paths from the root of the repository. */
  readonly files: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A file in one project. */
export interface E2eJob {
  readonly project: string;
  readonly file: string;
}

const folder = 'test/e2e';
const isDayTwo = (file: string): boolean => file.startsWith(`${folder}/day2-`);
/** Makes a cluster of its own, and so runs beside anything else: CI runs it beside the integration suite. */
const apart = `${folder}/cluster-killed.test.ts`;

/** Files with nothing in them that CI runs (`test/e2e/support/selection.ts`): a file without a test counts as failed. */
const longerOnly = new RegExp(
  `^${folder}/(day2-(control|credentials|synchronous|volumes|wrong-edits)|incidents-[a-z]+|plan)\\.test\\.ts$`,
);

/**
 * What touches neither the operator, nor nodes, nor the API server, and so may run side by side on one cluster. E2E_PART chooses one of
 * them, or all others.
 */
const parts: Readonly<Record<string, readonly string[]>> = {
  deletion: [`${folder}/deletion.test.ts`],
  calm: [`${folder}/day2-procedures.test.ts`, `${folder}/day2-failure.test.ts`],
};

/** Whether a file belongs to a part. @throws when there is no such part */
function isIn(part: string, file: string): boolean {
  if (part === 'others') return file !== apart && !Object.values(parts).flat().includes(file);
  const chosen = parts[part];
  if (chosen === undefined) throw new Error(`E2E_PART is ${part}, not ${[...Object.keys(parts), 'others'].join(', ')}`);
  return chosen.includes(file);
}

function allFiles(): readonly string[] {
  return readdirSync(new URL('../e2e', import.meta.url))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`)
    .sort();
}

/**
 * All projects. Day two runs once for each of its settings, `line` and `killed` once.
 * @param env E2E=core leaves what CI has no time for; E2E_PART is one part of it (`parts`); DAY2_VERSION and DAY2_DCS choose one setting
 */
export function e2eProjects(env: NodeJS.ProcessEnv): readonly E2eProject[] {
  const isCore = env['E2E'] === 'core';
  const all = allFiles();
  const dayTwo = all.filter(isDayTwo);
  const { DAY2_VERSION: version = usual.version, DAY2_DCS: dcs = usual.dcs } = env;
  const isChosen = env['DAY2_VERSION'] !== undefined || env['DAY2_DCS'] !== undefined;
  const one: Setting = { version, dcs: dcs === 'ConfigMaps' ? dcs : 'Endpoints' };
  const rounds = isCore || isChosen ? [{ setting: one, files: dayTwo }] : pairwise(dayTwo);
  const part = env['E2E_PART'];
  const kept = (files: readonly string[]): readonly string[] =>
    files.filter((file) => !(isCore && longerOnly.test(file)) && (part === undefined || isIn(part, file)));
  const projects = [
    { name: 'line', files: kept(all.filter((file) => !isDayTwo(file) && file !== apart)), env: {} },
    { name: 'killed', files: kept([apart]), env: {} },
    ...rounds.map(({ setting, files }) => ({
      name: `${setting.version} ${setting.dcs}`,
      files: kept(files),
      env: { DAY2_VERSION: setting.version, DAY2_DCS: setting.dcs },
    })),
  ];
  return projects.filter(({ files }) => files.length > 0);
}

/** What takes longest, the longest first; what is not named follows. */
const long = [
  'day2-credentials',
  'day2-failure-nodes',
  'day2-procedures',
  'day2-synchronous',
  'day2-wrong-edits',
  'day2-control',
  'plan',
  'incidents-edits',
  'day2-failure',
  'line',
  'incidents-control',
  'deletion',
].map((name) => `${folder}/${name}.test.ts`);

/** Every file of every project, those first that take longest: who begins last has little left to do when the others are done. */
export function e2eJobs(projects: readonly E2eProject[]): readonly E2eJob[] {
  const rank = ({ file }: E2eJob): number => (long.includes(file) ? long.indexOf(file) : long.length);
  return projects
    .flatMap(({ name, files }) => files.map((file): E2eJob => ({ project: name, file })))
    .toSorted((one, other) => rank(one) - rank(other));
}
