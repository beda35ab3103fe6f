/** SQLite's own check of the pages in a thread of the operator's program: what it says counts, and nobody waits for it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openForWriting } from '#src/journal/database.ts';
import { openInSteps, type JournalOpened } from '#src/journal/journal.ts';
import { pagesChecker, type CheckPages, type PagesCheck } from '#src/journal/pages.ts';
import { systemPorts } from '#src/system-ports.ts';
import { fillLikeAnOperator, manualTicks, opened } from './journals.ts';

const pages = new URL('../../../src/journal/pages.ts', import.meta.url).href;
let folder: string;
let path: string;
let program: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pages-'));
  path = join(folder, 'journal.db');
  const ticks = manualTicks();
  const { journal } = opened(path, ticks);
  fillLikeAnOperator(journal, ticks, 200);
  journal.close();
  program = join(folder, 'thread.mjs');
  writeFileSync(program, `import { answerInThread } from ${JSON.stringify(pages)};\nanswerInThread();\n`);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Opens it, with a turn for everybody between two steps. @returns also how often there was nothing to do but wait */
async function openedWith(checkPages: CheckPages): Promise<JournalOpened & { readonly waits: number }> {
  const never = (): void => undefined;
  const events = { onWritable: never, onFatal: never, onCommit: never };
  const steps = openInSteps({ path, build: 'b', anchors: [], ports: systemPorts(), ...events, checkPages });
  let waits = 0;
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) {
      step.value.journal.close();
      return { ...step.value, waits };
    }
    if (step.value.done === 0) waits += 1;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** An entry of an index is gone, of which no chain knows. */
function loseAnIndexEntry(): void {
  const db = openForWriting(path);
  db.unsafeMode();
  db.pragma('writable_schema = ON');
  db.exec(
    "UPDATE sqlite_schema SET sql = replace(sql, '(cluster_id, at)', '(cluster_id, epoch)') WHERE name = 'record_by_time'",
  );
  db.close();
}

it('a sound journal is opened after the thread has said so', async () => {
  const { type, waits } = await openedWith(pagesChecker(program, 0));
  expect(type).toBe('opened');
  expect(waits).toBeGreaterThan(0);
});

it('what the thread finds puts the journal aside', async () => {
  loseAnIndexEntry();
  const { because } = (await openedWith(pagesChecker(program, 0))) as JournalOpened & { readonly because: string };
  expect(because).toMatch(/^SQLite says: /);
});

it('where no thread can be had it is checked here', async () => {
  loseAnIndexEntry();
  const { because, waits } = (await openedWith(pagesChecker(join(folder, 'none.mjs'), 0))) as JournalOpened & {
    readonly because: string;
    readonly waits: number;
  };
  expect(because).toMatch(/^SQLite says: /);
  expect(waits).toBeGreaterThan(0);
});

it('a small one is not worth a thread', () => {
  expect(pagesChecker(program)(path)).toBe(null);
});

it('a check that nobody waits for any more is broken off', () => {
  const stopped: string[] = [];
  const check: PagesCheck = { verdict: () => ({ type: 'pending' }), stop: () => void stopped.push('stopped') };
  const never = (): void => undefined;
  const events = { onWritable: never, onFatal: never, onCommit: never };
  const steps = openInSteps({
    path,
    build: 'b',
    anchors: [],
    ports: systemPorts(),
    ...events,
    checkPages: () => check,
  });
  expect(steps.next().done).toBe(false);
  steps.return(null as never);
  expect(stopped).toEqual(['stopped']);
});
