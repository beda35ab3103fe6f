/** Owns: what each step of a plan that has a time of its own does to a world, and how that is undone. */
import { at, put, stable, type Json } from './json.ts';
import { addressed } from './api/places.ts';
import type { ApiServer } from './api/server.ts';
import { namespaceOf } from './api/store.ts';
import type { Watches } from './api/watches.ts';
import type { Kubelets } from './controllers/kubelet.ts';
import type { Fate } from './fate.ts';
import type { Seat } from './operators.ts';
import type { Past, View } from './past.ts';
import type { PlanStep } from './plan.ts';
import type { Schedule } from './schedule.ts';

/** A fault with a time of its own. */
export type TimedStep = Exclude<PlanStep, { readonly type: 'crash' | 'request' | 'line' }>;

/** What is wrong now. */
export interface Trouble {
  apiDown: number;
  /** Timed steps that are not over. */
  pending: number;
  disarmed: boolean;
  /** What an operator reads when that is not the world as it is. */
  readonly views: Map<string, View>;
  readonly rules: Set<Extract<TimedStep, { readonly type: 'requests' }>>;
}

export interface Scene {
  readonly schedule: Schedule;
  readonly api: ApiServer;
  readonly watches: Watches;
  readonly kubelets: Kubelets;
  /** Null when the plan does not look back. */
  readonly past: Past | null;
  readonly operators: () => readonly Seat[];
  /** Starts a process again, as whoever runs it would. */
  readonly again: (seat: Seat) => void;
  readonly trouble: Trouble;
}

/** Whether a plan's steps need the store's past. */
export function looksBack(steps: readonly PlanStep[]): boolean {
  return steps.some(({ type }) => type === 'stale-view' || type === 'rewind');
}

/** No trouble yet. */
export function noTrouble(): Trouble {
  return { apiDown: 0, pending: 0, disarmed: false, views: new Map(), rules: new Set() };
}

/** What the rules in force do to a request; null when none is about it. */
export function ruledFate(trouble: Trouble, operator: string, line: string): Fate | null {
  for (const rule of trouble.rules) if (rule.operator === operator && line.startsWith(rule.to)) return rule.fate;
  return null;
}

function pastOf({ past }: Scene): Past {
  if (past === null) throw new Error('the past was not recorded: only a step of the plan itself can look back');
  return past;
}

function meddle({ api }: Scene, step: Extract<TimedStep, { readonly type: 'meddle' }>): void {
  const contentType = step.how === 'apply' ? 'application/apply-patch+yaml' : 'application/merge-patch+json';
  const query = step.how === 'apply' ? { fieldManager: step.manager, force: 'true' } : { fieldManager: step.manager };
  const method = step.how === 'delete' ? 'DELETE' : 'PATCH';
  api.handle({ method, path: step.path, query, contentType, body: JSON.stringify(step.body), user: step.manager });
}

/** Deletes what a path names, finalizers or not, and makes the same anew under its name. */
export function reborn(api: ApiServer, path: string): void {
  const place = addressed(api.kinds, path.replace(/\/status$/, ''));
  const name = place?.name ?? null;
  const entry = place === null || name === null ? null : api.store.get(place.kind, place.namespace ?? '', name);
  if (entry === null) return;
  const { kind, object } = entry;
  api.store.remove(entry);
  const kept = ['name', 'namespace', 'labels', 'annotations', 'finalizers', 'ownerReferences'] as const;
  const before = at(object, 'metadata');
  const metadata: Json = Object.fromEntries(kept.flatMap((key) => (key in before ? [[key, before[key]]] : [])));
  const { status: _status, ...rest } = object;
  const again = put({ ...rest, metadata: {} }, ['metadata'], metadata);
  const collection = `${kind.root}/namespaces/${namespaceOf(object)}/${kind.resource}`;
  api.handle({
    method: 'POST',
    path: collection,
    query: {},
    contentType: 'application/json',
    body: stable(again),
    user: 'somebody',
  });
}

/** Begins a step. @returns how it is undone */
function begun(scene: Scene, step: TimedStep): () => void {
  const { api, watches, kubelets, trouble } = scene;
  const seat = 'operator' in step ? scene.operators().find(({ name }) => name === step.operator) : undefined;
  const nothing = (): void => undefined;
  switch (step.type) {
    case 'api-down':
      trouble.apiDown += 1;
      watches.endAll();
      return () => void (trouble.apiDown -= 1);
    case 'watches-end':
      watches.endAll();
      return nothing;
    case 'compact':
      api.store.compact(api.store.version());
      return nothing;
    case 'kill-member':
      kubelets.killContainer(step.pod, step.ms);
      return nothing;
    case 'cut-member':
      kubelets.cut(step.pod, true);
      return () => kubelets.cut(step.pod, false);
    case 'crash-at':
      if (step.mode === 'pause') seat?.pause(step.ms);
      else if (seat?.isAlive() === true) {
        seat.kill(step.mode);
        scene.again(seat);
      }
      return nothing;
    case 'requests':
      trouble.rules.add(step);
      return () => void trouble.rules.delete(step);
    case 'clock':
      seat?.jump(step.byMs);
      return nothing;
    case 'meddle':
      meddle(scene, step);
      return nothing;
    case 'rewind':
      api.store.rewind(pastOf(scene).entries(step.version), step.version);
      watches.endAll();
      return nothing;
    case 'stale-view': {
      const { view, thaw } = pastOf(scene).freeze(step.version, step.resources);
      trouble.views.set(step.operator, view);
      seat?.disconnect();
      return () => {
        trouble.views.delete(step.operator);
        thaw();
      };
    }
  }
}

/** Lets a step happen at its time, counted from now, and be over after its own. */
export function happen(scene: Scene, step: TimedStep): void {
  const { schedule, trouble } = scene;
  trouble.pending += 1;
  const begin = (): void => {
    const end = begun(scene, step);
    const over = (): void => {
      end();
      trouble.pending -= 1;
    };
    if ('ms' in step) schedule.after(step.ms, over, true);
    else over();
  };
  schedule.after(step.atMs, begin, true);
}
