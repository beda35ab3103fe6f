/**
 * Owns: how long to wait before trying again. Jitter is not drawn here: a decision has no chance; the timer stage adds
 * up to `retryJitter` of the delay when it arms the timer.
 */

/** First wait after an error: short enough for a passing fault, long enough not to hammer. */
export const retryDelayMsMin = 5_000;
/** Longest wait: a cluster that cannot be mended is tried twelve times an hour. */
export const retryDelayMsMax = 300_000;
/** First wait after a failed precondition: the world moved, look again soon. */
export const conflictDelayMs = 1_000;
/** Longest wait for the Lease: one renewal and a half, and a row per target that often while there is none. */
export const withheldDelayMsMax = 15_000;
export const retryJitter = 0.1;
/** Good news must hold this long; about two of Patroni's shortest steps, far below what a user waits for. */
export const holdMs = 2_000;
/** After an unknown outcome in a database session: longer than the server's own statement timeout of 30 s. */
export const probeDelayMs = 40_000;
/** The same for passwords: longer than the command that tells them may live. */
export const passwordsProbeMs = 12_000;
/** Between two status writes that are not urgent. */
export const statusIntervalMs = 10_000;
/** Our create was answered but the watch has not shown the object: look anew after this long. */
export const sightMs = 15_000;
/** Somebody else's object at one of our names, which no watch shows: whether it still is there is read after this long. */
export const strangerMs = 60_000;
/** Without a writable leader for longer than this, with pods still trying, the operator calls it Failed. */
export const recoverDeadlineMs = 300_000;

/** What is waited for and does not say what it misses is asked about after this long; bound, pulled and mounted is faster. */
export const askMs = 30_000;
/** Timer for that. */
export const askTimer = 'ask';
/** While the silence lasts, what Kubernetes warns of is read again after this long. */
export const askAgainMs = 300_000;

/** PostgreSQL of a member does not run, or cannot lead: after this long it is asked how much room its volume has. */
export const roomMs = 10_000;
/** Timer for that. */
export function roomTimer(member: string): string {
  return `room/${member}`;
}
/** While that lasts it is asked again after this long, later each time. */
export const roomAgainMs = 30_000;

/** Timer for the next maintenance window that an edit waits for. */
export const windowTimer = 'window';
/** Patroni has read a new configuration and said what must start anew: one of its loops, and two seconds. */
export const settleMs = 12_000;
/** Timer for that. */
export const settlingTimer = 'await/settled';
/** A watch shows what was just written well within this; then it is judged by what is there all the same. */
export const shownMs = 5_000;
/** A member's parameters are asked for again after this long: Patroni reads its configuration at the next loop. */
export const verifyAgainMs = 2_000;
/** Longest until a configuration, a restart or a switchover that was asked for shows; two of Patroni's loops and a stop. */
export const awaitMs = 30_000;
/** How long a leader key lives that nobody renews, where nobody says otherwise: Patroni's own default. */
export const ttlSecondsDefault = 30;
/** Silence is told within this after a key's time to live, and one that is read by then is as old as its last renewal. */
export const renewalSlackMs = 12_000;
/** A node that lives has ended a pod of its within this, and the 30 s it was given: one that has not is gone. */
export const goneMs = 60_000;
/** A new pod that names its trouble for this long will not start: an image that is not there, a process that ends at once. */
export const stallMs = 90_000;
/** Timer for that. Between two tries a member names no trouble for a while: the timer goes on until the member is ready. */
export function stallTimer(member: string): string {
  return `stall/${member}`;
}
/** Timer for as long without a leader. */
export const electingTimer = 'stall/electing';
/** Nobody writes, and no member says why: for so long it may be a node that is cut off. Leaves time to go back before Failed. */
export const silentMs = 240_000;
/** Timer for that. */
export const silentTimer = 'stall/silent';
/** Timer of a deletion: by then members should have been stopped. */
export const stoppingTimer = 'deadline/deleting/stopping';
/** A rollout that ended in silence is tried again once the cluster has run for so long; each further time four times as long. */
const rolloutAgainMsMin = 600_000;
/** But once a day. */
const rolloutAgainMsMax = 86_400_000;
/** Timer for that. */
export const rolloutAgainTimer = 'again/rollout';

/** How long the cluster has to run before that, after the same rollout has ended in silence `tries` ≥ 1 times. */
export function rolloutAgainMs(tries: number): number {
  return Math.min(rolloutAgainMsMax, rolloutAgainMsMin * 4 ** Math.min(8, tries - 1));
}

/** Delay after `count` ≥ 1 failures in a row: 5 s, 10 s, 20 s … 300 s when the first delay is 5 s. */
export function retryDelayMs(count: number, firstDelayMs: number = retryDelayMsMin): number {
  return Math.min(retryDelayMsMax, firstDelayMs * 2 ** Math.min(16, Math.max(0, count - 1)));
}
