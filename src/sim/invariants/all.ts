/** Owns: the list of invariants that every run is held to. */
import { g1 } from './g1-deletions.ts';
import { g2 } from './g2-one-writer.ts';
import { g3 } from './g3-volumes.ts';
import { g4 } from './g4-intent-first.ts';
import { g7 } from './g7-replay.ts';
import { g8 } from './g8-secrets.ts';
import { g9 } from './g9-status.ts';
import { generatedOnce } from './c-generated.ts';
import { once } from './o-once.ts';
import { level } from './l-level.ts';
import { confirmed } from './r-confirmed.ts';
import { passwords } from './p-passwords.ts';
import { acknowledged } from './j-acknowledged.ts';
import { knowsWhatIsThere } from './k-knowledge.ts';
import { skippedIsIdentity } from './s-skipped.ts';
import { paced } from './t-turns.ts';
import type { Invariant } from './invariant.ts';

/** G5 and G6 compare whole runs: `run.ts`. */
export const invariants: readonly Invariant[] = [
  g1,
  g2,
  g3,
  g4,
  g7,
  g8,
  g9,
  acknowledged,
  generatedOnce,
  passwords,
  skippedIsIdentity,
  knowsWhatIsThere,
  once,
  confirmed,
  level,
  paced,
];
