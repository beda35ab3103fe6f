/** Owns: which part of a long test a commit tries: another one for each, so that all of it is tried again and again. */
import { spawnSync } from 'node:child_process';

/** A number that changes with every commit and stays with it; 0 where there is no repository. */
export function commitTurn(): number {
  const { stdout } = spawnSync('git', ['rev-parse', '--short=7', 'HEAD'], { encoding: 'utf8' });
  return Number.parseInt(stdout, 16) || 0;
}

/** Every n-th of a list, from a place that the turn chooses. */
export function sliceOf<T>(all: readonly T[], oneIn: number, turn: number): readonly T[] {
  return all.filter((_, index) => index % oneIn === turn % oneIn);
}
