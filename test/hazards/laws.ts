/** Owns: what single hazards are held to beside the invariants of every run. */
import { labels } from '#machines/shared/names.ts';
import { at, text } from '#src/sim/json.ts';
import { addressed } from '#src/sim/api/places.ts';
import { nameOf, namespaceOf, uidOf } from '#src/sim/api/store.ts';
import { isChange, type Invariant } from '#src/sim/invariants/invariant.ts';
import type { World } from '#src/sim/world.ts';

function uidAt({ api }: World, path: string): string {
  const place = addressed(api.kinds, path.replace(/\/status$/, ''));
  if (place === null || place.name === null) return '';
  return uidOf(api.store.get(place.kind, place.namespace ?? '', place.name)?.object);
}

/** An effect that was meant for one object never changes another one of its name, nor makes one. */
export const meantForOne: Invariant = {
  name: 'T4',
  says: 'what was meant for one object does not reach another of its name',
  watch: (world, tell) => {
    const meant = new Map<string, string>();
    return {
      onLeaving: ({ request, auditId }) => {
        if (isChange(request) && auditId !== null) meant.set(auditId, uidAt(world, request.path));
      },
      onHandled: ({ request, auditId, reply }) => {
        const uid = meant.get(auditId ?? '') ?? '';
        const found = uidOf(reply.body);
        if (uid === '' || reply.status !== 200 || found === '' || found === uid) return;
        tell(`${request.method} ${request.path} was meant for ${uid} and changed ${found}`);
      },
    };
  },
};

/** Nobody is asked the same thing in vain more often than this, in a row. */
export function patient(mostInARow: number): Invariant {
  return {
    name: 'T1',
    says: `no effect fails more than ${mostInARow} times in a row`,
    watch: (_world, tell) => {
      const rows = new Map<string, { status: number; count: number }>();
      return {
        onHandled: ({ request, reply }) => {
          if (!isChange(request)) return;
          const key = `${request.method} ${request.path}`;
          const before = rows.get(key);
          if (reply.status < 400) return void rows.delete(key);
          const count = before?.status === reply.status ? before.count + 1 : 1;
          rows.set(key, { status: reply.status, count });
          if (count > mostInARow) tell(`${key} failed ${count} times in a row with ${reply.status}`);
        },
      };
    },
  };
}

/** How often requests that begin so left between two moments; told to `count` at the end. */
export function counting(
  begins: string,
  from: number,
  until: number,
  count: (times: readonly number[]) => void,
): Invariant {
  return {
    name: 'count',
    says: 'nothing',
    watch: (world) => {
      const times: number[] = [];
      return {
        onLeaving: ({ request: { method, path } }) => {
          const now = world.schedule.elapsedMs();
          if (`${method} ${path}`.startsWith(begins) && now >= from && now < until) times.push(now);
        },
        atEnd: () => count(times),
      };
    },
  };
}

/** For a while nothing is changed but what a status says, and no phase is left. */
export function nothingFollows(from: number, until: number): Invariant {
  return {
    name: 'T9',
    says: 'of what could not be read nothing follows',
    watch: (world, tell) => {
      const during = (): boolean => world.schedule.elapsedMs() >= from && world.schedule.elapsedMs() < until;
      world.api.store.onChange(({ kind, object, before }) => {
        const [was, is] = [text(before, 'status', 'phase'), text(object, 'status', 'phase')];
        if (during() && kind.kind === 'PostgresCluster' && was !== is)
          tell(`${nameOf(object)} went from ${was} to ${is}`);
      });
      return {
        onLeaving: ({ request }) => {
          const says = request.path.endsWith('/status') || request.path.endsWith('/events');
          if (during() && isChange(request) && !says) tell(`${request.method} ${request.path} was sent`);
        },
      };
    },
  };
}

/** No pod goes, however often it is looked at. */
export const noPodGoes: Invariant = {
  name: 'T5',
  says: 'no member is lost',
  watch: (world, tell) => {
    world.api.store.onChange(({ type, kind, object }) => {
      if (kind.kind === 'Pod' && type === 'DELETED') tell(`Pod ${nameOf(object)} is gone`);
    });
    return {};
  },
};

/** No Secret's values change, and each is made once. */
export const secretsMadeOnce: Invariant = {
  name: 'T14',
  says: 'a Secret is made once',
  watch: (world, tell) => {
    const made = new Map<string, number>();
    world.api.store.onChange(({ type, kind, object }) => {
      if (kind.kind !== 'Secret' || type !== 'ADDED') return;
      const count = (made.get(nameOf(object)) ?? 0) + 1;
      made.set(nameOf(object), count);
      if (count > 1) tell(`Secret ${nameOf(object)} was made ${count} times`);
    });
    return {};
  },
};

/** A phase does not flicker: at most this many changes in any minute. */
export function steady(mostPerMinute: number): Invariant {
  return {
    name: 'T8',
    says: 'the phase does not flicker',
    watch: (world, tell) => {
      const moves = new Map<string, { phase: string; times: number[] }>();
      world.api.store.onChange(({ kind, object }) => {
        const phase = text(object, 'status', 'phase');
        if (kind.kind !== 'PostgresCluster' || phase === '') return;
        const seen = moves.get(uidOf(object)) ?? { phase, times: [] };
        moves.set(uidOf(object), seen);
        if (seen.phase === phase) return;
        seen.phase = phase;
        const now = world.schedule.elapsedMs();
        seen.times = [...seen.times.filter((each) => each > now - 60_000), now];
        if (seen.times.length > mostPerMinute)
          tell(`${nameOf(object)} had ${seen.times.length} phases in a minute, the last is ${phase}`);
      });
      return {};
    },
  };
}

/** Nothing of a deleted cluster is left but what is kept, and every kept thing says so; what is not ours is untouched. */
export const noResidue: Invariant = {
  name: 'T6',
  says: 'a deletion leaves exactly what is retained',
  watch: (world, tell) => ({
    atEnd: () => {
      const clusters = new Set(
        world.user.list('PostgresCluster', null).map((each) => `${namespaceOf(each)}/${nameOf(each)}`),
      );
      for (const kind of world.api.kinds) {
        for (const { object } of world.api.store.list(kind, null)) {
          const marks = at(object, 'metadata', 'labels');
          const name = text(object, 'metadata', 'labels', labels.cluster);
          if (name === '' || clusters.has(`${namespaceOf(object)}/${name}`)) continue;
          if (marks['somebody-else'] === 'true') continue;
          const kept = kind.kind === 'PersistentVolumeClaim' || kind.kind === 'Secret';
          if (!kept || marks[labels.retained] !== 'true') tell(`${kind.kind} ${nameOf(object)} is left behind`);
        }
      }
    },
  }),
};

/** Whoever does not hold the Lease changes nothing: what it had on its way already is refused, or says what is so. */
export const deposedChangesNothing: Invariant = {
  name: 'T13',
  says: 'a deposed operator changes nothing but what was on its way',
  watch: (world, tell) => {
    let holder = '';
    let wokeMs: number | null = null;
    world.api.store.onChange(({ kind, object }) => {
      if (kind.kind !== 'Lease') return;
      const now = text(object, 'spec', 'holderIdentity');
      if (now !== holder) wokeMs = null;
      holder = now;
    });
    return {
      onLeaving: ({ sender, request }) => {
        if (!isChange(request) || holder === '' || holder === sender) return;
        // What had passed the check before it stood still leaves in the moment it goes on; nothing can hold that back.
        wokeMs ??= world.schedule.elapsedMs();
        if (world.schedule.elapsedMs() > wokeMs)
          tell(`${sender} sent ${request.method} ${request.path}, but ${holder} holds the Lease`);
      },
    };
  },
};
