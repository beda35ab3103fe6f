/**
 * Owns: `path: old → new`, as an export for strangers shows it: the fields that are ours stay, keys and values that somebody wrote
 * go. Pure.
 */
import { annotations, labels, oneShotAnnotation, oneShots } from '#machines/shared/names.ts';
import { takenOut } from './redact-names.ts';

/** Keys of labels and annotations that are ours, or Patroni's; any other one was thought of by somebody. */
export const ourKeys: ReadonlySet<string> = new Set([
  ...Object.values(labels),
  ...Object.values(annotations),
  ...oneShots.map(oneShotAnnotation),
]);

/** Annotations that hold what users wrote: a whole spec, parameters, keys of metadata. */
export const userTexts: ReadonlySet<string> = new Set([
  annotations.acceptedSpec,
  annotations.rolledOutSpec,
  annotations.bootstrapParameters,
  annotations.podMetadata,
]);

/** Annotations whose value is a token that somebody chose. */
export const tokenKeys: ReadonlySet<string> = new Set([
  ...oneShots.map(oneShotAnnotation),
  annotations.rotated,
  annotations.approve,
]);

/** Leaves of what we keep of an object whose values are Kubernetes' or Patroni's own, or names that are learned elsewhere. */
const plainLeaf =
  /^(?:generation|deleting|finalizers|owners|phase|ready|node|ip|role|patroni(?:\.\w+)?|trouble|restarts|lastExit|requested|capacity|storageClass|resizing|replicas|template|current|claimSize|keys|digest|dcs\.(?!config\b)\w+(?:\.\w+)?|key of digests)$/;

/** Maps whose keys are somebody's, and the key in them: `labels.team`, `annotations[team]`, `/metadata/labels/team`. */
const inMap =
  /(?<=^|[./])(labels|annotations|selector|matchLabels|nodeSelector|data|parameters|tags|slots|ignore_slots)(?:[./](.+)|\[([^\]=]*)\](.*))$/;

/** Keys of Patroni's dynamic configuration. */
export const patroniKeys: ReadonlySet<string> = new Set([
  ...[
    'ttl',
    'loop_wait',
    'retry_timeout',
    'maximum_lag_on_failover',
    'maximum_lag_on_syncnode',
    'max_timelines_history',
  ],
  ...['check_timeline', 'failsafe_mode', 'primary_start_timeout', 'primary_stop_timeout', 'master_start_timeout'],
  ...['synchronous_mode', 'synchronous_mode_strict', 'synchronous_node_count', 'member_slots_ttl', 'pause'],
  ...['postgresql', 'standby_cluster', 'slots', 'ignore_slots', 'tags'],
  // What we mark it with.
  'postgres-operator',
]);

/** A key of that configuration which is not Patroni's, and all below it. */
const inConfig = /(?<=^dcs\.config\.)([\w-]+).*/;

/** Values that could be anybody's. */
const plainValue = /^(?:-?\d+(?:\.\d+)?|"-?\d+"|true|false|null|\(absent\)|\(hidden\))$/;

/** A path without what somebody named: keys of maps that are not ours, items of lists by other names than ours. */
export function shownPath(path: string): string {
  const unnamed = path.replaceAll(/\[([\w.]+)=(?!postgres\b|\d+[\],])[^\],]*/g, `[$1=${takenOut}`);
  const [, top = 'ttl'] = inConfig.exec(unnamed) ?? [];
  if (!patroniKeys.has(top)) return unnamed.replace(inConfig, takenOut);
  return unnamed.replace(inMap, (whole, map: string, dotted: string | undefined, bracketed: string | undefined) =>
    ourKeys.has((dotted ?? bracketed ?? '').replaceAll('~1', '/')) ? whole : `${map}.${takenOut}`,
  );
}

function keyOf(path: string): string {
  const [, , dotted, bracketed] = inMap.exec(path) ?? [];
  return dotted ?? bracketed ?? '';
}

/** A value stays where the path says whose it is, or where it could be anybody's. */
function shownValue(path: string, value: string): string {
  if (plainValue.test(value)) return value;
  const key = keyOf(path);
  if (ourKeys.has(key)) return userTexts.has(key) ? takenOut : value;
  return plainLeaf.test(path) ? value : takenOut;
}

/**
 * A difference as strangers may see it, but for names in it.
 * @param text `path: old → new`, `path: now held by manager`, `data.key: its value was changed (not shown)`
 */
export function shownChange(text: string): string {
  const [, path = '', rest = ''] = /^(.*?): (.*)$/s.exec(text) ?? [];
  if (path === '') return takenOut;
  const arrow = rest.indexOf(' → ');
  if (arrow < 0) return `${shownPath(path)}: ${rest}`;
  const [old, now] = [rest.slice(0, arrow), rest.slice(arrow + 3)];
  return `${shownPath(path)}: ${shownValue(path, old)} → ${shownValue(path, now)}`;
}
