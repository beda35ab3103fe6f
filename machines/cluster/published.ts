/** Owns: reading conditions back from a status that an earlier process published. */
import type { ConditionMemory } from './facts.ts';
import type { PublishedStatus } from './observations.ts';

function statusOf(text: string): ConditionMemory['status'] {
  return text === 'True' || text === 'False' ? text : 'Unknown';
}

/** Conditions as memory holds them; a time that does not parse becomes `at` (milliseconds). */
export function initialConditions(status: PublishedStatus, at: number): Readonly<Record<string, ConditionMemory>> {
  return Object.fromEntries(
    status.conditions.map((condition) => {
      const since = Date.parse(condition.lastTransitionTime);
      return [
        condition.type,
        {
          status: statusOf(condition.status),
          reason: condition.reason,
          message: condition.message,
          since: Number.isNaN(since) ? at : since,
          observedGeneration: condition.observedGeneration,
        },
      ];
    }),
  );
}
