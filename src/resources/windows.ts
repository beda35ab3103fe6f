/** Owns: maintenance windows: what is wrong with one, and whether one is open at a moment. Pure in the moment it is given. */
import { Cron } from 'croner';
import type { Problem } from '#machines/cluster/plan.ts';
import type { Windows } from '#machines/cluster/tables/permission.ts';
import { durationMs } from '#machines/shared/duration.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';

type Window = NonNullable<PostgresClusterSpec['maintenanceWindows']>[number];

/** Five digits and a unit. */
const longestDuration = 6;

/** `90m`, `2h`, `1d` in milliseconds; null when it is no duration, or none of a length. */
function lengthMs(text: string): number | null {
  const ms = text.length > longestDuration ? null : durationMs(text, 'mhd');
  return ms === 0 ? null : ms;
}

/** @throws when croner does not take it */
function cronOf({ schedule, timeZone }: Window): Cron {
  return new Cron(schedule, { timezone: timeZone ?? 'UTC', paused: true, mode: '5-part' });
}

/** Of those that this build of Node knows: their rules are the same wherever it runs. */
function isTimeZone(timeZone: string): boolean {
  // Empty it would be the machine's own.
  if (timeZone === '') return false;
  try {
    return cronOf({ schedule: '0 0 * * *', duration: '1h', timeZone }).nextRun(new Date(0)) !== null;
  } catch {
    return false;
  }
}

function isSchedule(window: Window): boolean {
  try {
    return cronOf({ ...window, timeZone: 'UTC' }).getPattern() !== undefined;
  } catch {
    return false;
  }
}

/** Faults of the windows of a spec. */
export function windowProblems({ maintenanceWindows = [] }: PostgresClusterSpec): readonly Problem[] {
  return maintenanceWindows.flatMap((window, index): Problem[] => {
    const { schedule, duration, timeZone } = window;
    const at = (field: string): string => `spec.maintenanceWindows[${index}].${field}`;
    return [
      ...(isSchedule(window)
        ? []
        : [{ field: at('schedule'), value: schedule, rule: 'must be a cron expression of five fields: 0 3 * * SUN' }]),
      ...(lengthMs(duration) === null
        ? [{ field: at('duration'), value: duration, rule: 'must be minutes, hours or days: 90m, 2h, 1d' }]
        : []),
      ...(timeZone === undefined || isTimeZone(timeZone)
        ? []
        : [{ field: at('timeZone'), value: timeZone, rule: 'must be the name of a time zone: UTC, Europe/Berlin' }]),
    ];
  });
}

/** Whether a window is open at a moment, and when one opens next. Windows that cannot be read never open. */
export function windowsAt({ maintenanceWindows = [] }: PostgresClusterSpec, at: number): Windows {
  const each = maintenanceWindows.flatMap((window) => {
    const length = lengthMs(window.duration);
    if (length === null || !isSchedule(window) || !isTimeZone(window.timeZone ?? 'UTC')) return [];
    const cron = cronOf(window);
    // The first start after `at - length` is at or before `at` exactly while the window that began there is open.
    const start = cron.nextRun(new Date(at - length))?.getTime() ?? null;
    const next = cron.nextRun(new Date(at))?.getTime() ?? null;
    return [{ isOpen: start !== null && start <= at, next }];
  });
  const opens = each.flatMap(({ next }) => (next === null ? [] : [next]));
  return { isOpen: each.some(({ isOpen }) => isOpen), opensAt: opens.length === 0 ? null : Math.min(...opens) };
}
