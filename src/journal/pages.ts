/**
 * Owns: SQLite's own check of a file's pages, in a thread of its own: it takes five seconds a gigabyte, more on a slow disk, and
 * cannot be cut into steps. The thread runs the same program, which does nothing else there.
 * Called by: `main.ts`, on both sides. A simulated world checks in its own thread, where time stands still meanwhile.
 */
import { statSync } from 'node:fs';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { openForReading } from './database.ts';

/** What SQLite says of the pages. */
export type PagesVerdict =
  | { readonly type: 'pending' }
  /** 'ok', or the first thing that is wrong. */
  | { readonly type: 'said'; readonly words: string }
  /** It could not be asked there. */
  | { readonly type: 'failed' };

export interface PagesCheck {
  readonly verdict: () => PagesVerdict;
  /** Breaks it off, if it is still under way. */
  readonly stop: () => void;
}

/** Begins to check a file that nobody writes meanwhile; null where it is so small that whoever asks may do it himself. */
export type CheckPages = (path: string) => PagesCheck | null;

/** A third of a second's work. */
const smallBytes = 67_108_864;

/**
 * Checks in threads.
 * @param program path of the one that calls `answerInThread` where it runs as a thread
 * @param fromBytes size of the smallest file that is worth a thread
 */
export function pagesChecker(program: string, fromBytes: number = smallBytes): CheckPages {
  return (path) => {
    if (statSync(path).size < fromBytes) return null;
    let verdict: PagesVerdict = { type: 'pending' };
    const settle = (given: PagesVerdict): void => {
      if (verdict.type === 'pending') verdict = given;
    };
    const thread = new Worker(program, { workerData: path });
    thread.once('message', (words: unknown) => settle({ type: 'said', words: String(words) }));
    thread.once('error', () => settle({ type: 'failed' }));
    thread.once('exit', () => settle({ type: 'failed' }));
    return { verdict: () => verdict, stop: () => void thread.terminate() };
  };
}

/** SQLite's whole check, not the quick one: a row that an index no longer finds is lost to every reader. */
export function answerInThread(): void {
  const db = openForReading(String(workerData));
  const words = String(db.pragma('integrity_check(1)', { simple: true }));
  db.close();
  parentPort?.postMessage(words);
}
