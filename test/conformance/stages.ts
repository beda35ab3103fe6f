/** Owns: where plays are given: a real control plane with its controllers, and the simulated world with its own. */
import { makeApiServer } from '#src/sim/api/server.ts';
import { pathOf } from '#src/sim/api/places.ts';
import { chanceOf } from '#src/sim/chance.ts';
import { runGarbageCollector } from '#src/sim/controllers/garbage.ts';
import { runStatefulSets } from '#src/sim/controllers/stateful-sets.ts';
import { at, text, type Json } from '#src/sim/json.ts';
import { beginningMs, makeSchedule } from '#src/sim/schedule.ts';
import { watched, type Stage, type Told } from './plays.ts';
import { makeMemory, type RequestStep } from './sequence.ts';
import { kindOf, type RealServer, type Watching } from './sides.ts';

const patienceMs = 120_000;

function refusal(step: RequestStep, body: unknown): Error {
  return new Error(`${step.method} ${step.kind} ${step.name ?? ''}: ${text(body, 'message')}`);
}

/** The simulated world with StatefulSet controller and garbage collector, and nobody else. */
export function simulatedStage(seed: number): Stage {
  const schedule = makeSchedule();
  const chance = chanceOf(seed);
  const nowMs = (): number => beginningMs + schedule.elapsedMs();
  const api = makeApiServer(nowMs, chance.stream('api'));
  const habitat = { api, schedule, chance: chance.stream('controllers'), nowMs };
  runStatefulSets(habitat);
  runGarbageCollector(habitat);
  const memory = makeMemory('default');
  const told: Told[] = [];
  api.store.onChange(({ type, kind, object }) => {
    if (watched.includes(kind.kind)) told.push({ type, object });
  });
  return {
    send: (step) => {
      const { method, kind, name, subresource, query, contentType, body } = memory.resolve(step);
      const path = pathOf(kindOf(kind), 'default', name) + (subresource === '' ? '' : `/${subresource}`);
      const request = { method, path, query, contentType, body: JSON.stringify(body), user: 'director' };
      const reply = api.handle(request);
      if (reply.status >= 300) return Promise.reject(refusal(step, reply.body));
      memory.learn(kind, reply.body);
      return Promise.resolve();
    },
    told: () => told,
    until: async (holds) => {
      await schedule.run(patienceMs, holds);
      if (!holds()) throw new Error('the simulated controllers never came to that');
    },
  };
}

/** A namespace of a real control plane; events of the kinds in the order in which each watch told them. */
export async function realStage(real: RealServer, namespace: string): Promise<Stage & { readonly end: () => void }> {
  const side = await real.side(namespace);
  const memory = makeMemory(namespace);
  const list = (kind: string): RequestStep => ({
    type: 'request',
    method: 'GET',
    kind,
    name: null,
    subresource: '',
    query: {},
    contentType: null,
    body: null,
  });
  const watches: Watching[] = [];
  for (const kind of watched) {
    const { body } = await side.send(list(kind));
    const resourceVersion = text(body, 'metadata', 'resourceVersion');
    watches.push(await side.watch({ type: 'watch', kind, query: { resourceVersion } }));
  }
  const isOurs = ({ object }: Told): boolean => text(object, 'metadata', 'name') !== 'kube-root-ca.crt';
  const version = (event: Told): number => Number(text(event.object, 'metadata', 'resourceVersion'));
  const told = (): readonly Told[] =>
    watches
      .flatMap(({ events }) =>
        events.map((event) => ({ type: text(event, 'type'), object: at(event, 'object') }) as Told),
      )
      .filter(isOurs)
      .sort((one, other) => version(one) - version(other));
  return {
    send: async (step) => {
      const reply = await side.send(memory.resolve(step));
      if (reply.status >= 300) throw refusal(step, reply.body);
      memory.learn(step.kind, reply.body as Json);
    },
    told,
    until: async (holds) => {
      const tooLate = performance.now() + patienceMs;
      while (!holds()) {
        if (performance.now() > tooLate) throw new Error('the real controllers never came to that');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    end: side.end,
  };
}
