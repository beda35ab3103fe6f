/** What a phase sends of the step that a procedure is at, and what it sends by itself: where nobody writes, and while members go. */
import { describe, expect, it } from 'vitest';
import type { Intent } from '#machines/cluster/intents.ts';
import type { Plan } from '#machines/cluster/plan.ts';
import { procedureWants } from '#machines/cluster/procedure-wants.ts';
import { markKey } from '#machines/cluster/tables/configuration.ts';
import {
  all,
  asIs,
  changed,
  dcs,
  gone,
  objectOf,
  remembering,
  replicas,
  swapped,
  volumes,
  type Change,
} from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const updating = 'Alive.Updating.replacing';
const running = 'Alive.Running';
const electing = 'Alive.Recovering.electing';

function wished(state: string, change: Change, of: Plan = plan, choice: Partial<Choice> = {}): readonly Intent[] {
  return procedureWants({ state, facts: change(factsOf({ ...calm, ...choice })), plan: of });
}

const parameters = { max_connections: '200' };
const connections = { value: '200', effective: '200', needsRestart: true, replicasFirst: true };
const wider: Plan = {
  ...plan,
  dynamic: { postgresql: { parameters }, ttl: 30 },
  parameters: { max_connections: connections },
};
const config = { [markKey]: { parameters: 'max_connections' }, postgresql: { parameters }, ttl: 30 };
const configTarget = { kind: 'Endpoints', name: 'shop-config' };
const writes = { type: 'PatchPatroniConfig', target: configTarget, uid: 'Endpoints-shop-config', config };
const because = 'Patroni has to be told';
const grown = { type: 'GrowVolume', uid: 'data-shop-1', size: '1Gi' };
const stuck: Change = (facts) => {
  const pod = objectOf(facts, 'Pod/shop-1');
  if (pod.detail.type !== 'Pod') throw new Error('no pod');
  const detail = { ...pod.detail, ready: false, patroni: null, trouble: 'ErrImagePull: no such image' };
  return changed('Pod/shop-1', { detail })(facts);
};
const anew = {
  type: 'DeleteObject',
  target: { kind: 'Pod', name: 'shop-1' },
  uid: 'Pod-shop-1',
  because: 'shop-1 never came to run, and another template is offered by now',
};
const failed = remembering({
  failedRollout: { generation: 2, problem: { field: 'spec.image', value: 'x', rule: 'failed' } },
});
const strict = { synchronous_mode: true, synchronous_mode_strict: true, synchronous_node_count: 1 };
const takenBack = { ...writes, because: 'the spec that failed is taken back', diff: { fields: ['ttl'], by: [] } };
const otherTtl = dcs('shop-config', { config: { ...config, ttl: 20 } });
const higher = dcs('shop-config', {
  config: { ...config, postgresql: { parameters: { max_connections: '300' } } },
});
/** No spec was ever true of all its members. */
const madeWith = (bootstrapParameters: Readonly<Record<string, string>> | null): Change =>
  remembering({ rolledOut: null, bootstrapParameters });
const nobody = { leader: 'none' } as const;
const down = remembering({ takenWhileDown: { generation: 1 } });
const unasked = 'nobody writes, and Patroni states what no spec asks for any more';
const growing = 'nobody writes, and the spec asks for a larger volume';

describe('a phase', () => {
  it.each<readonly [string, () => readonly Intent[], readonly object[]]>([
    ['Running begins no restart', () => wished(running, asIs, plan, { request: 'restart' }), []],
    ['Running takes no pod away', () => wished(running, asIs, plan, { template: 'replica-old' }), []],
    ...(['Alive.Running', 'Alive.Degraded', 'Alive.Creating'] as const).map(
      (state) =>
        [
          `${state} puts a configuration right`,
          () => wished(state, otherTtl, wider),
          [{ ...writes, because, diff: { fields: ['ttl'], by: [] } }],
        ] as const,
    ),
    ...(['Alive.Degraded', 'Alive.Creating', electing, 'Alive.Failed', updating] as const).map(
      (state) =>
        [
          `${state} has a pod made anew that never came to run`,
          () => wished(state, stuck, plan, { template: 'replica-old', ...nobody }),
          [anew],
        ] as const,
    ),
    [
      'Running grows a volume',
      () => wished(running, volumes('512Mi')),
      [
        {
          ...grown,
          target: { kind: 'PersistentVolumeClaim', name: 'data-shop-1' },
          because: 'data-shop-1 grows from 512Mi to 1Gi (0 of 2 done)',
        },
      ],
    ],
    [
      'Recovering tells Patroni a value that is lower than what failed',
      () => wished(electing, all(higher, failed), wider, nobody),
      [{ ...takenBack, diff: { fields: ['postgresql.parameters.max_connections'], by: [] } }],
    ],
    [
      'Recovering tells Patroni a spec that was taken while nobody wrote, once that lasts',
      () => wished(electing, all(higher, down, remembering({ expired: ['stall/electing'] })), wider, nobody),
      [
        {
          ...writes,
          because: 'nobody wrote when the spec was accepted either',
          diff: { fields: ['postgresql.parameters.max_connections'], by: [] },
        },
      ],
    ],
    [
      'Recovering does not tell Patroni such a spec before',
      () =>
        wished(electing, all(higher, down, remembering({ rolledOut: null, bootstrapParameters: null })), wider, nobody),
      [],
    ],
    [
      'Recovering takes from Patroni what no spec asks for, also of a cluster that was never complete',
      () => wished(electing, all(higher, madeWith(parameters)), plan, nobody),
      [
        {
          ...writes,
          config: { [markKey]: { parameters: '' }, postgresql: { parameters: {} }, ttl: 30 },
          because: unasked,
          diff: { fields: ['postgres-operator.parameters', 'postgresql.parameters.max_connections'], by: [] },
        },
      ],
    ],
    ...([{ max_connections: '300' }, null] as const).map(
      (made) =>
        [
          'Recovering takes from it nothing that its members were made with, or may have been',
          () => wished(electing, all(higher, madeWith(made)), plan, nobody),
          [],
        ] as const,
    ),
    ...([gone('Endpoints/shop-config'), dcs('shop-config', { config: null })] as const).map(
      (change) =>
        [
          'Recovering tells Patroni nothing while its configuration is not seen',
          () => wished(electing, all(failed, change), wider, nobody),
          [],
        ] as const,
    ),
    [
      'Pending asks nobody to hand over',
      () => wished('Alive.Pending', all(replicas(1), dcs('shop', { leader: 'shop-1' }), swapped)),
      [],
    ],
    [
      'Scaling has nobody confirm before more members are there',
      () => wished('Alive.Scaling.adding', replicas(3), plan, { synchrony: 'asked' }),
      [],
    ],
    ['Pending sends nothing', () => wished('Alive.Pending', otherTtl, wider), []],
    ['Deleting sends nothing', () => wished('Deleting.stopping', otherTtl, wider), []],
    ...([electing, 'Alive.Failed'] as const).flatMap(
      (state) =>
        [
          [
            `${state} tells Patroni what was true before`,
            () => wished(state, all(otherTtl, failed), wider, nobody),
            [takenBack],
          ],
          [`${state} tells it nothing where no spec failed`, () => wished(state, otherTtl, wider, nobody), []],
          [
            `${state} tells it nothing while it is paused by hand`,
            () =>
              wished(
                state,
                all(dcs('shop-config', { config: { ...config, ttl: 20 }, paused: true }), failed),
                wider,
                nobody,
              ),
            [],
          ],
          [
            `${state} tells it nothing where it says that already`,
            () => wished(state, all(dcs('shop-config', { config }), failed), wider, nobody),
            [],
          ],
          [
            `${state} grows all volumes at once`,
            () => wished(state, volumes('512Mi'), plan, nobody),
            ['data-shop-0', 'data-shop-1'].map((name) => ({
              ...grown,
              target: { kind: 'PersistentVolumeClaim', name },
              uid: name,
              because: growing,
            })),
          ],
        ] as const,
    ),
    ['Scaling sends nothing while nobody has to hand over', () => wished('Alive.Scaling.removing', replicas(1)), []],
    [
      'Scaling asks whoever is to go to hand over',
      () => wished('Alive.Scaling.handingOver', all(replicas(1), dcs('shop', { leader: 'shop-1' }), swapped)),
      [
        {
          type: 'RequestSwitchover',
          target: { kind: 'Endpoints', name: 'shop-failover' },
          uid: null,
          leader: 'shop-1',
          candidate: 'shop-0',
          because: 'shop-1 leads and is to go: shop-0 streams from shop-1 and is least behind',
        },
      ],
    ],
    [
      'Scaling tells Patroni first that fewer have to confirm',
      () => wished('Alive.Scaling.removing', replicas(1), plan, { synchrony: 'left' }),
      [
        {
          type: 'PatchPatroniConfig',
          target: configTarget,
          uid: 'Endpoints-shop-config',
          config: { postgresql: { parameters: {} }, [markKey]: { parameters: '' } },
          because:
            'Patroni has to be told first: 1 of the replicas must confirm commits, so that 2 members have to stay',
          diff: { fields: Object.keys(strict), by: [] },
        },
      ],
    ],
    [
      'Scaling tells it nothing where the spec asks for what is in force',
      () => wished('Alive.Scaling.removing', replicas(1), plan, { synchrony: 'confirmed' }),
      [],
    ],
  ])('%s', (_, wishes, sent) => expect(wishes()).toEqual(sent));
});
