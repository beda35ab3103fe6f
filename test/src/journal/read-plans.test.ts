/** What is asked of a journal in a turn of the event loop must not look at every row: with a million of them it would stand still. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openForReading, type Db } from '#src/journal/database.ts';
import { makeReader } from '#src/journal/read.ts';
import { clusterOf, fillLikeAnOperator, manualTicks, opened } from './journals.ts';

/** Those whose answer is about every row: how many there are. */
const countsRows = /count\(\*\)/;

it('no question but the one for their number goes through all rows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'plans-'));
  const path = join(folder, 'journal.db');
  const ticks = manualTicks();
  const { journal } = opened(path, ticks);
  fillLikeAnOperator(journal, ticks, 100);
  const heads = journal.reader.heads();
  expect(heads.map(({ uid, seq }) => ({ uid, seq }))).toEqual(
    journal.reader.clusters().map(({ uid, head }) => ({ uid, seq: head.seq })),
  );
  const { uid } = clusterOf(0);
  expect([journal.reader.firstSeq(uid), journal.reader.lastSeq(uid)]).toEqual([
    1,
    heads.find((head) => head.uid === uid)?.seq,
  ]);
  expect([journal.reader.firstSeq('nobody'), journal.reader.lastSeq('nobody')]).toEqual([null, null]);
  journal.close();
  const db = openForReading(path);
  const texts: string[] = [];
  makeReader({
    prepare: (text: string) => {
      texts.push(text);
      return db.prepare(text);
    },
  } as unknown as Db);
  const scans = texts
    .filter((text) => !countsRows.test(text))
    .filter((text) => {
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${text.replaceAll(/\?|@\w+/g, '1')}`).all();
      return plan.some((step) => /^SCAN (r|record)\b/.test(String((step as { readonly detail: string }).detail)));
    });
  db.close();
  rmSync(folder, { recursive: true });
  expect(scans).toEqual([]);
  expect(texts.length).toBeGreaterThan(10);
});
