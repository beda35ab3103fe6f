/**
 * Owns: which texts of a journal nothing mentions any more: those that removed rows mentioned are noted, and asked for in all
 * rows that are left.
 * I1. A text goes only after every row that there is has been asked, those written meanwhile too.
 */
import { mentionedIn } from '#src/decision/codec.ts';
import type { Db } from './database.ts';

/** Rows asked for texts in one turn: some milliseconds. */
const scanRows = 2000;

/** Notes the texts that rows mention which are about to go, in the running transaction. */
export function noteTexts(db: Db, bodies: readonly string[]): void {
  const note = db.prepare('INSERT OR IGNORE INTO unmentioned (hash) VALUES (?)');
  for (const body of bodies) for (const hash of mentionedIn(body)) note.run(hash);
}

/** Takes out of `left` what rows after `rowid` mention. @returns the last rowid that was asked */
function ask(db: Db, left: Set<string>, rowid: number): number {
  let last = rowid;
  const rows = db
    .prepare<[after: number, limit: number], { readonly rowid: number; readonly body: string }>(
      'SELECT rowid, body FROM record WHERE rowid > ? ORDER BY rowid LIMIT ?',
    )
    .iterate(rowid, scanRows);
  for (const row of rows) {
    for (const hash of mentionedIn(row.body)) left.delete(hash);
    last = row.rowid;
  }
  return last;
}

/**
 * Removes the noted texts that no row mentions, and all notes. Time may pass at each `yield`, and rows be written.
 * @param amend runs a change in a commit of its own
 * @returns how many texts went
 */
export function* sweepTexts(db: Db, amend: (change: () => void) => void): Generator<void, number> {
  const noted = db.prepare<[], string>('SELECT hash FROM unmentioned').pluck().all();
  if (noted.length === 0) return 0;
  const left = new Set(noted);
  let asked = 0;
  for (let last = ask(db, left, 0); last > asked; last = ask(db, left, asked)) {
    asked = last;
    yield;
  }
  // In the turn in which nothing new was found: no row can come between.
  const remove = db.prepare('DELETE FROM blob WHERE hash = ?');
  const forget = db.prepare('DELETE FROM unmentioned WHERE hash = ?');
  amend(() => {
    for (const hash of left) remove.run(hash);
    for (const hash of noted) forget.run(hash);
  });
  yield;
  return left.size;
}
