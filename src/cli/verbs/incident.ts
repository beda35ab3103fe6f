/** Owns: `pgc postmortem` and `pgc incident to-test`: the report of an incident, and the test that keeps it from coming back. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { buildId } from '#src/build-id.ts';
import { Refused } from '#src/errors.ts';
import { decidedRows } from '#src/export/decided.ts';
import { incidentTest } from '#src/export/incident-test.ts';
import { postmortem } from '#src/export/postmortem.ts';
import { prunedWords } from '#src/export/sealed.ts';
import { timelineOf } from '#src/export/timeline.ts';
import { tellerOf } from '#src/export/why.ts';
import { incidentRows } from '#src/export/incident.ts';
import { makeCore } from '#src/replay/core.ts';
import { decisionOf } from '#src/replay/redecide.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { clusterOf } from '../cluster-of.ts';
import { decided, print, prunedBefore, recorded, verb, writeOut } from '../command.ts';
import { wholeOf } from '../misused.ts';
import { exportSource } from '../source.ts';

/** Adds `postmortem`. */
export function addPostmortem(program: Command): void {
  const description = 'the report of the last incident, Markdown, with measured phases';
  verb(program, 'postmortem <name>', description, async (source, flags, [name = ''], own) => {
    const cluster = await clusterOf(source, flags, name);
    const { rows, blobs, getBlob, from } = await recorded(source, cluster);
    const entries = timelineOf((row) => decisionOf(row, getBlob));
    const report = source.unreplayable === null ? verifyRows(makeCore(), { rows, getBlob, from }) : null;
    const text = postmortem({
      cluster,
      all: decidedRows(rows, blobs),
      entries: rows.flatMap((row) => entries(row)),
      head: cluster.head,
      replayed: report === null ? null : { build: buildId(), rows: report.rows, verified: report.verified },
    });
    const pruned = await prunedBefore(source, cluster);
    if (text === null)
      throw new Refused(`it has not left Running${pruned === null ? '' : ' in the rows that are kept'}`, {
        operation: 'report on',
        subject: `${cluster.namespace}/${cluster.name}`,
        hint: `'pgc timeline' tells what happened all the same${pruned === null ? '' : `; ${prunedWords(pruned)}`}`,
      });
    if (typeof own['out'] === 'string') writeOut(own['out'], text);
    else print(text.trimEnd());
    return 0;
  }).option('--out <path>', 'file to write');
}

async function toTest(file: string, own: { readonly row?: string; readonly out: string }): Promise<void> {
  const asked =
    own.row === undefined ? null : wholeOf('--row', own.row, "the row's number, as 'pgc journal ls' lists it");
  const source = exportSource(file);
  if (source.unreplayable !== null)
    throw new Refused(source.unreplayable, {
      operation: 'make a test of',
      subject: file,
      hint: 'use the export that it was made from',
    });
  const [cluster] = await source.clusters();
  if (cluster === undefined) return;
  const all = await decided(source, cluster);
  const seq = asked ?? incidentRows(all)?.[0]?.row.seq;
  const found = all.find(({ row }) => row.seq === seq);
  if (found === undefined)
    throw new Refused(own.row === undefined ? 'it holds no incident' : `row ${own.row} holds no decision`, {
      operation: 'make a test of',
      subject: file,
      hint: "name the row that was wrong with --row; 'pgc journal ls' lists them",
    });
  const name = basename(file).replace(/\.ndjson$/, '');
  const target = join(own.out, `${name}.test.ts`);
  if (existsSync(target))
    throw new Refused('it is there already', {
      operation: 'write',
      subject: target,
      hint: 'name another folder with --out, or give the export another name',
    });
  mkdirSync(own.out, { recursive: true });
  copyFileSync(file, join(own.out, `${name}.ndjson`));
  writeFileSync(target, incidentTest({ cluster, told: tellerOf(all, cluster.uid)(found), file: `./${name}.ndjson` }));
  print(`${target} is red until row ${found.row.seq} is decided otherwise`);
}

/** Adds `incident` and the verb below it. */
export function addIncident(program: Command): void {
  const incident = program.command('incident').description('exported incidents');
  incident
    .command('to-test <file>')
    .description('a regression test that is red until a decision of the incident changes')
    .option('--row <seq>', 'the decision in question; the first of the last incident unless named')
    .option('--out <folder>', 'where the test and the export go', 'test/incidents')
    .action(toTest);
}
