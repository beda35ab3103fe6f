/** Owns: what a cluster waits for and does next, as one sentence of its status; null when nothing waits. */
import { waitingRequest } from './tables/requests.ts';
import type { View } from './view.ts';

/** The sentence of `status.nextAction`. */
export function nextAction({ facts }: View): string | null {
  return waitingRequest(facts);
}
