/** Owns: what a cluster waits for and does next, as one sentence of its status; null when nothing waits. */
import { objectKey } from './intents.ts';
import { waitingRequest } from './tables/requests.ts';
import { waitingRotation } from './tables/rotation.ts';
import { shownHold } from './tables/turns.ts';
import type { View } from './view.ts';
import { keptBack } from './wants.ts';

/** What mode Observe keeps back: the first of it in words, the rest counted. */
function wouldDo(view: View): string | null {
  const [first, ...others] = keptBack(view);
  if (first === undefined) return null;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return `in mode Manage it would do ${first.type} ${objectKey(first.target)} (${first.because})${more}`;
}

/** The sentence of `status.nextAction`. */
export function nextAction(view: View): string | null {
  const held = shownHold(view.facts.memory);
  const sentences = [wouldDo(view), held?.message ?? null, waitingRequest(view.facts), waitingRotation(view.facts)];
  const said = sentences.filter((each) => each !== null);
  return said.length === 0 ? null : said.join('; ');
}
