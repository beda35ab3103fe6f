/** The step that a procedure is at, as what is sent: complete wishes, by phase. */
import { describe, expect, it } from 'vitest';
import type { LostMember } from '#machines/cluster/facts.ts';
import type { Intent } from '#machines/cluster/intents.ts';
import type { Plan } from '#machines/cluster/plan.ts';
import { procedureWants } from '#machines/cluster/procedure-wants.ts';
import { markKey } from '#machines/cluster/tables/configuration.ts';
import {
  all,
  asIs,
  changed,
  dcs,
  failoverObject,
  inConfigMaps,
  objectOf,
  remembering,
  requestOf,
  volumes,
  type Change,
} from './changes.ts';
import { holding, newSuperuser, told, unasked } from './secrets.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const updating = 'Alive.Updating.replacing';
const running = 'Alive.Running';
const renewed = remembering({ expired: ['renewed/shop-1'] });
const neverRolledOut = remembering({ rolledOutGeneration: null, rolledOut: null });

/** What it wishes, as JSON has it. */
function wished(state: string, change: Change, of: Plan = plan, choice: Partial<Choice> = {}): readonly Intent[] {
  return procedureWants({ state, facts: change(factsOf({ ...calm, ...choice })), plan: of });
}

const podOf = (name: string): object => ({ target: { kind: 'Pod', name }, uid: `Pod-${name}` });
const labelled: Plan = { ...plan, podMetadata: { labels: { a: 'b' }, annotations: {}, mark: 'm' } };
const threeMade: Change = (facts) => {
  const { detail } = objectOf(facts, 'StatefulSet/shop');
  if (detail.type !== 'StatefulSet') throw new Error('no StatefulSet');
  return changed('StatefulSet/shop', { detail: { ...detail, replicas: 3 } })(facts);
};
const connections = { value: '200', effective: '200', needsRestart: true, replicasFirst: true };
const parameters = { max_connections: '200' };
const wider: Plan = {
  ...plan,
  dynamic: { postgresql: { parameters }, ttl: 30 },
  parameters: { max_connections: connections },
};
const config = { [markKey]: { parameters: 'max_connections' }, postgresql: { parameters }, ttl: 30 };
const configTarget = { kind: 'Endpoints', name: 'shop-config' };
const writes = { type: 'PatchPatroniConfig', target: configTarget, uid: 'Endpoints-shop-config', config };
const because = 'Patroni has to be told';
const bears = 'shop-0, shop-1 has to bear the labels and annotations of the spec';
const grown = { type: 'GrowVolume', uid: 'data-shop-1', size: '1Gi' };

/** The replacement of shop-1 is asked for and acknowledged. */
function lost(known: Pick<LostMember, 'claim' | 'confirmed'>): Change {
  return remembering({
    published: { textHash: '', urgentHash: '', at: 0, handled: { replace: 'once' } },
    request: requestOf({ kind: 'replace', member: 'shop-1', lost: { ...known, pod: 'Pod-shop-1' } }),
  });
}

describe('what is sent', () => {
  it.each<readonly [string, () => readonly Intent[], readonly object[]]>([
    ['is nothing where every member runs what the spec says', () => wished(updating, asIs), []],
    [
      'are labels onto each pod, and it is told that they were taken off',
      () => wished(running, asIs, labelled),
      ['shop-0', 'shop-1'].map((name) => ({
        type: 'LabelPod',
        ...podOf(name),
        because: bears,
        diff: { fields: ['labels and annotations of the spec'], by: [] },
      })),
    ],
    [
      'are labels of a new spec, which nobody took off',
      () => wished(updating, asIs, labelled, { generation: 'newer' }),
      ['shop-0', 'shop-1'].map((name) => ({ type: 'LabelPod', ...podOf(name), because: bears })),
    ],
    [
      'are labels of the first spec, the same',
      () => wished(running, neverRolledOut, labelled),
      ['shop-0', 'shop-1'].map((name) => ({ type: 'LabelPod', ...podOf(name), because: bears })),
    ],
    [
      'is a configuration, with the paths at which somebody changed it',
      () => wished(running, dcs('shop-config', { config: { ...config, ttl: 20 } }), wider),
      [{ ...writes, because, diff: { fields: ['ttl'], by: [] } }],
    ],
    [
      'is a configuration with what somebody took away, put in or changed below',
      () =>
        wished(
          running,
          dcs('shop-config', { config: { postgresql: { parameters: { max_connections: '90' } }, ttl: 30 } }),
          wider,
        ),
      [{ ...writes, because, diff: { fields: [markKey, 'postgresql.parameters.max_connections'], by: [] } }],
    ],
    [
      'is a configuration of a new spec, which nobody changed',
      () => wished(updating, asIs, wider, { generation: 'newer' }),
      [{ ...writes, because }],
    ],
    [
      'is a configuration on its ConfigMap where Patroni keeps it there',
      () => wished(updating, inConfigMaps, wider, { generation: 'newer' }),
      [{ ...writes, target: { kind: 'ConfigMap', name: 'shop-config' }, because }],
    ],
    [
      'is a question for all that the plan states, and what it states no more, each once',
      () =>
        wished(
          updating,
          all(
            dcs('shop-config', { config: { ...config, [markKey]: { parameters: 'max_connections,work_mem' } } }),
            remembering({ configuring: true }),
          ),
          {
            ...wider,
            parameters: { ...wider.parameters, work_mem: connections },
            removed: { a_b: connections },
          },
        ).slice(0, 1),
      [
        {
          type: 'VerifyParameters',
          ...podOf('shop-0'),
          names: [
            'a_b',
            'max_connections',
            'max_locks_per_transaction',
            'max_prepared_transactions',
            'max_wal_senders',
            'max_worker_processes',
            'work_mem',
          ],
          because: 'shop-0, shop-1: whether the new parameters are in force',
        },
      ],
    ],
    [
      'is a start that was asked for, of a PostgreSQL that runs since then',
      () => wished(updating, asIs, plan, { request: 'restart' }),
      [{ type: 'RestartPostgres', ...podOf('shop-1'), started: '1', because: 'restart "once" is due at shop-1' }],
    ],
    [
      'is a reload of every member',
      () => wished(updating, asIs, plan, { request: 'reload' }),
      ['shop-1', 'shop-0'].map((name) => ({
        type: 'ReloadPostgres',
        ...podOf(name),
        because: 'reload "once" is due at shop-1, shop-0',
      })),
    ],
    [
      'is a new copy of a replica',
      () => wished(updating, asIs, plan, { request: 'reinit' }),
      [{ type: 'ReinitializeMember', ...podOf('shop-1'), started: '1', because: 'reinit "once" is due at shop-1' }],
    ],
    [
      'is a new copy of a replica that is to join',
      () => wished('Alive.Scaling.adding', asIs, plan, { request: 'reinit' }),
      [{ type: 'ReinitializeMember', ...podOf('shop-1'), started: '1', because: 'reinit "once" is due at shop-1' }],
    ],
    [
      'is a new copy of a replica that stays, while fewer members are wanted',
      () => wished('Alive.Scaling.removing', threeMade, plan, { request: 'reinit' }),
      [{ type: 'ReinitializeMember', ...podOf('shop-1'), started: '1', because: 'reinit "once" is due at shop-1' }],
    ],
    [
      'is the end of a pod of another template',
      () => wished(updating, asIs, plan, { template: 'replica-old' }),
      [{ type: 'DeleteObject', ...podOf('shop-1'), because: 'shop-1 runs another template' }],
    ],
    [
      'is a switchover that Patroni has no object for yet',
      () => wished(updating, asIs, plan, { template: 'leader-old' }),
      [
        {
          type: 'RequestSwitchover',
          target: { kind: 'Endpoints', name: 'shop-failover' },
          uid: null,
          leader: 'shop-0',
          candidate: 'shop-1',
          because: 'shop-0 runs another template; shop-1 streams from shop-0 and is least behind',
        },
      ],
    ],
    [
      'is a switchover on the object that is there',
      () => wished(updating, failoverObject, plan, { request: 'switchover' }),
      [
        {
          type: 'RequestSwitchover',
          target: { kind: 'Endpoints', name: 'shop-failover' },
          uid: 'failover',
          leader: 'shop-0',
          candidate: 'shop-1',
          because: 'switchover "once": shop-1 streams from shop-0 and is least behind',
        },
      ],
    ],
    [
      'is a larger volume, the leader’s last',
      () => wished(updating, volumes('512Mi')),
      [
        {
          ...grown,
          target: { kind: 'PersistentVolumeClaim', name: 'data-shop-1' },
          because: 'data-shop-1 grows from 512Mi to 1Gi (0 of 2 done)',
        },
      ],
    ],
    [
      'is nothing while the leader has not shown itself since',
      () => wished(updating, lost({ claim: null, confirmed: false })),
      [],
    ],
    [
      'is a question who leads before a lost member goes',
      () => wished(updating, all(renewed, lost({ claim: null, confirmed: false }))),
      [
        {
          type: 'ReadObject',
          target: { kind: 'Endpoints', name: 'shop' },
          because: 'replace "once": who leads has to be read first',
        },
      ],
    ],
    [
      'is the same question on a ConfigMap where Patroni keeps it there',
      () => wished(updating, all(renewed, inConfigMaps, lost({ claim: null, confirmed: false }))),
      [
        {
          type: 'ReadObject',
          target: { kind: 'ConfigMap', name: 'shop-leader' },
          because: 'replace "once": who leads has to be read first',
        },
      ],
    ],
    [
      'is the end of a lost member’s claim, which no one has to be given time for',
      () => wished(updating, all(volumes('1Gi'), lost({ claim: 'data-shop-1', confirmed: true }))),
      [
        {
          type: 'DeleteObject',
          target: { kind: 'PersistentVolumeClaim', name: 'data-shop-1' },
          uid: 'data-shop-1',
          because: 'replace "once": data-shop-1 is lost, a new one takes its place',
        },
      ],
    ],
    [
      'is the end of a lost member’s pod, within half a minute',
      () => wished(updating, asIs, plan, { request: 'replace', ready: 1 }),
      [
        {
          type: 'DeleteObject',
          ...podOf('shop-1'),
          because: 'replace "once": its pod is lost with it',
          graceSeconds: 30,
        },
      ],
    ],
    [
      'is what roles are to be told, to who leads',
      () => wished(updating, () => remembering({ request: unasked })(holding(newSuperuser))),
      [
        {
          type: 'SetPasswords',
          ...podOf('shop-0'),
          owner: 'app',
          because: 'Secret shop-credentials says what is not in force: roles have to be told',
        },
      ],
    ],
    [
      'is what the Secret in force is to say',
      () =>
        wished(updating, () =>
          remembering({ request: unasked })(told(holding(newSuperuser), { POSTGRES_PASSWORD: 'eeeeeeee' })),
        ),
      [
        {
          type: 'WriteSecret',
          target: { kind: 'Secret', name: 'shop-credentials-inforce' },
          uid: 'Secret-shop-credentials-inforce',
          write: expect.objectContaining({ type: 'enforce', renews: true }),
          because:
            'Secret shop-credentials says what is not in force: roles were told, what they were told is in force',
        },
      ],
    ],
  ])('%s', (_, wishes, sent) => expect(wishes()).toEqual(sent));
});
