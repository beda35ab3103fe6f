/**
 * Owns: the incidents that are staged on a real cluster and recorded, and what every answer about each has to name: cause,
 * object and next step. The live answers (`test/e2e/incidents-*.test.ts`) and the recorded ones are held to the same table.
 */
import type { EntryKind } from '#src/export/timeline.ts';

/** What an answer names, each as words that stand in it. */
export interface Named {
  readonly cause: RegExp;
  readonly object: RegExp;
  readonly nextStep: RegExp;
}

export interface Incident extends Named {
  readonly name: string;
  /** What somebody would ask `why-not` for. */
  readonly waitsFor: string;
  /** Which kinds of entries of the timeline are told; all unless given. */
  readonly only?: readonly EntryKind[];
}

/** The three questions that each incident is asked. */
export const verbs = ['why', 'why-not', 'timeline'] as const;
export type Verb = (typeof verbs)[number];

/** Arguments of pgc, by the golden they are compared with. */
export type Questions = Readonly<Record<Verb, readonly string[]>>;

export const incidents: readonly Incident[] = [
  {
    name: 'fail-over',
    waitsFor: 'running',
    cause: /not Ready on node\d/,
    object: /Pod\/shop-[01]/,
    nextStep: /kubectl get node node\d/,
  },
  {
    name: 'bad-image',
    waitsFor: 'rollout',
    cause: /ErrImageNeverPull/,
    object: /PostgresCluster\/shop: spec\.image/,
    nextStep: /put that field right, or back to what it was: kubectl -n \S+ edit postgrescluster shop/,
  },
  {
    name: 'stuck-rollout',
    waitsFor: 'running',
    cause: /Insufficient memory/,
    object: /Pod\/shop-[01]/,
    nextStep: /lower spec\.resources .*kubectl -n \S+ edit postgrescluster shop/,
  },
  {
    name: 'maintenance-window',
    waitsFor: 'rollout',
    cause: /a window opens at 20\d\d-01-01T02:00/,
    object: /PostgresCluster\/shop: generation \d+ is held/,
    nextStep: /it begins by itself then\. To have it now take spec\.maintenanceWindows out/,
  },
  {
    name: 'drift',
    waitsFor: 'Service/shop-repl',
    cause: /changed back each time: .*spec\.type: "ClusterIP" → "NodePort"/,
    object: /Service\/shop-repl/,
    nextStep: /find and stop gateway-controller/,
  },
  {
    name: 'deletion-blocked',
    waitsFor: 'PodsGone',
    cause: /finalizer backup\.example\.com\/not-before-a-copy keeps it/,
    object: /Pod\/shop-1/,
    nextStep: /take it off: kubectl -n \S+ edit pod shop-1/,
  },
  {
    name: 'disk-full',
    waitsFor: 'running',
    cause: /its volume data-shop-[01] is full: [\d.]+ [KM]?i?B of \d+ MiB free/,
    object: /Pod\/shop-[01]/,
    nextStep: /make it larger: raise spec\.storage\.size .*make room by hand.*pgc reinit shop shop-[01]/,
  },
  {
    // Found while the one before was staged: the full volume left the leader with its key, and unable to promote.
    name: 'leader-cannot-promote',
    waitsFor: 'running',
    cause: /shop-1 holds the leader key but is replica, running|shop-1: primary, start failed, .* → replica, running/,
    object: /Pod\/shop-1/,
    nextStep: /let another member take over: kubectl -n \S+ delete pod shop-1/,
  },
  {
    // PostgreSQL 15: promoted by hand and ended before its first checkpoint, so that pg_rewind finds nothing to rewind.
    name: 'diverged-member',
    waitsFor: 'running',
    cause: /it is on timeline \d+, the leader on \d+|it went on by itself, on timeline \d+/,
    object: /Pod\/shop-\d/,
    nextStep: /have its data copied anew: pgc reinit shop shop-\d -n \S+/,
  },
  {
    name: 'api-cut',
    waitsFor: 'running',
    cause: /nothing heard for 75 s/,
    object: /watched .*Pod/,
    nextStep: /see whether the API server answers \(kubectl get --raw \/readyz\)/,
  },
  {
    name: 'operator-crash',
    waitsFor: 'running',
    cause: /it ended and started again at/,
    object: /the operator:/,
    nextStep: /nothing for shop\. Why it ended: kubectl/,
  },
  {
    name: 'lost-watch',
    waitsFor: 'running',
    cause: /pods is forbidden/,
    object: /watched Pod/,
    nextStep: /give the operator its rights back/,
  },
  {
    name: 'throttling',
    waitsFor: 'StatefulSet/shop',
    cause: /TooManyRequests|429/,
    object: /StatefulSet\/shop/,
    nextStep: /find who fills the API server/,
  },
  {
    name: 'credentials-by-hand',
    waitsFor: 'running',
    cause: /Secret shop-credentials says what is not in force/,
    object: /Secret shop-credentials/,
    nextStep: /the operator goes on by itself, member by member/,
  },
  {
    name: 'credentials-refused',
    waitsFor: 'rollout',
    cause: /password of Secret shop-app must be 8 to 128/,
    object: /Secret\/shop-app/,
    nextStep: /kubectl -n \S+ edit secret shop-app/,
  },
];

/** @throws when there is none of that name */
export function incidentNamed(name: string): Incident {
  const found = incidents.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${name} is none of ${incidents.map((each) => each.name).join(', ')}`);
  return found;
}

/** What an answer does not name; empty when the person who asked knows what to do. */
export function unnamed(answer: string, { cause, object, nextStep }: Named): readonly string[] {
  return Object.entries({ cause, object, 'next step': nextStep })
    .filter(([, words]) => !words.test(answer))
    .map(([what, words]) => `${what}: ${words.source}`);
}
