/** Owns: which of an object's Kubernetes Events says why it waits: the last warning, shortened. */
import { isObject } from '#machines/shared/json.ts';

/** Longest message that passes; the scheduler lists every node. */
const messageLengthMax = 200;

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** When it was seen last: an Event of the old kind counts, one of the new kind has a series. */
function seenAt(event: Readonly<Record<string, unknown>>): string {
  const series = isObject(event['series']) ? textOf(event['series']['lastObservedTime']) : '';
  const metadata = isObject(event['metadata']) ? event['metadata'] : {};
  return (
    series || textOf(event['lastTimestamp']) || textOf(event['eventTime']) || textOf(metadata['creationTimestamp'])
  );
}

/**
 * Reason and message of the last warning in a list of Events; empty when there is none.
 * @param list an EventList, of one object's warnings
 */
export function lastWarning(list: unknown): Readonly<Record<string, string>> {
  const items = isObject(list) && Array.isArray(list['items']) ? list['items'].filter(isObject) : [];
  const last = items.toSorted((one, other) => (seenAt(one) < seenAt(other) ? -1 : 1)).at(-1);
  if (last === undefined) return {};
  const message = textOf(last['message']).replaceAll(/\s+/g, ' ').trim();
  return { reason: textOf(last['reason']) || 'Warning', message: message.slice(0, messageLengthMax) };
}
