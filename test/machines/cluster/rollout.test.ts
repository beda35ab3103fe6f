/** The way to a spec, where it is narrow: who is asked again, who goes first, who holds up whom, and who is made anew. */
import { describe, expect, it } from 'vitest';
import type { Facts, Memory } from '#machines/cluster/facts.ts';
import type { DynamicParameter, Plan } from '#machines/cluster/plan.ts';
import { markKey } from '#machines/cluster/tables/configuration.ts';
import { neverStarted, rolloutStep } from '#machines/cluster/tables/rollout.ts';
import { annotations } from '#machines/shared/names.ts';
import {
  all,
  asIs,
  changed,
  dcs,
  gone,
  objectOf,
  patroni,
  pod,
  remembering,
  replicas,
  withObject,
  type Change,
} from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

function facts(change: Change, choice: Partial<Choice> = {}): Facts {
  return change(factsOf({ ...calm, ...choice }));
}

function step(change: Change, of: Plan = plan, choice: Partial<Choice> = {}): string {
  const { stage, act, because, awaited } = rolloutStep({ facts: facts(change, choice), plan: of });
  return `${stage} ${act.type}: ${because} [${awaited ?? 'nobody'}]`;
}

const unready = (name: string): Change => pod(name, () => ({ ready: false }));
const old = (name: string): Change => changed(`Pod/${name}`, { annotations: { [annotations.template]: 'old' } });
/** A third member that streams. */
const third: Change = (now) =>
  replicas(3)(withObject({ ...objectOf(now, 'Pod/shop-1'), name: 'shop-2', uid: 'Pod-shop-2' })(now));
const settling = remembering({ timers: { 'await/settled': { dueAt: 1, because: '' } } });
const configuring = remembering({ configuring: true });

const parameter = (value: string, change: Partial<DynamicParameter> = {}): DynamicParameter => ({
  value,
  effective: value,
  needsRestart: true,
  replicasFirst: false,
  ...change,
});

type Parameters = Readonly<Record<string, DynamicParameter>>;

/** A plan of these parameters, which Patroni was told, and of some that were taken out of the spec. */
function planned(parameters: Parameters, removed: Parameters = {}): { readonly plan: Plan; readonly told: Change } {
  const values = Object.fromEntries(Object.entries(parameters).map(([name, { value }]) => [name, value]));
  const config = {
    postgresql: { parameters: values },
    [markKey]: { parameters: Object.keys(values).sort().join(',') },
  };
  return {
    plan: { ...plan, dynamic: { postgresql: { parameters: values } }, parameters, removed },
    told: all(dcs('shop-config', { config }), configuring),
  };
}

/** What members said that they run with. */
function said(settings: Readonly<Record<string, Readonly<Record<string, string>>>>): Change {
  const entries = Object.entries(settings).map(([name, of]) => [name, { uid: `Pod-${name}`, settings: of }] as const);
  return remembering({ verified: Object.fromEntries(entries) });
}

const both = (settings: Readonly<Record<string, string>>): Change => said({ 'shop-0': settings, 'shop-1': settings });
const well = 'done none: every member runs what the spec says [nobody]';
const asks = 'configuring verify: shop-0, shop-1: whether the new parameters are in force [shop-0]';

describe('members are asked', () => {
  const spec =
    (name: 'accepted' | 'rolledOut', postgresqlParams: Readonly<Record<string, string>>): Change =>
    (now) => {
      const { [name]: was } = now.memory;
      if (was === null) throw new Error('no spec');
      return remembering({ [name]: { ...was, spec: { ...was.spec, postgresqlParams } } } as Partial<Memory>)(now);
    };

  it.each<readonly [string, Change, string]>([
    ['when the spec has another value', spec('accepted', { work_mem: '8MB' }), asks],
    ['when a value left the spec', spec('rolledOut', { work_mem: '8MB' }), asks],
    ['not when neither has any', asIs, well],
    [
      'not when only order and letters differ',
      all(spec('accepted', { Work_Mem: '8MB', a_b: '1' }), spec('rolledOut', { a_b: '1', work_mem: '8MB' })),
      well,
    ],
    [
      'when nothing was ever true of every member, and they were made with others',
      all(spec('accepted', { a_b: '1' }), remembering({ rolledOut: null, bootstrapParameters: { a_b: '0' } })),
      asks,
    ],
    [
      'not when they were made with these',
      all(spec('accepted', { a_b: '1' }), remembering({ rolledOut: null, bootstrapParameters: { a_b: '1' } })),
      well,
    ],
    [
      'not when it is not known with which',
      all(spec('accepted', { a_b: '1' }), remembering({ rolledOut: null, bootstrapParameters: null })),
      well,
    ],
    ['when a configuration was written', configuring, asks],
    ['not twice', all(configuring, both({})), well],
    [
      'not whoever does not run',
      all(configuring, unready('shop-1'), patroni('shop-1', { state: 'stopped' })),
      'configuring verify: shop-0: whether the new parameters are in force [shop-0]',
    ],
  ])('%s', (_, change, words) => expect(step(change)).toBe(words));
});

describe('a parameter', () => {
  const reloaded = planned({ work_mem: parameter('8MB', { needsRestart: false }) });
  const started = planned({ shared_buffers: parameter('64MB') });
  const onlyPostgresKnows = planned({ shared_buffers: parameter('64MB', { effective: null }) });
  const gonePatroni = planned({}, { max_connections: parameter('200') });
  const goneOther = planned({}, { shared_buffers: parameter('64MB') });
  const goneReload = planned({}, { work_mem: parameter('8MB', { needsRestart: false }) });
  const pending = all(patroni('shop-0', { pendingRestart: true }), patroni('shop-1', { pendingRestart: true }));
  const restarts = 'restarting restart: PostgreSQL on shop-1 has to start anew for parameters to take effect [shop-1]';

  it.each<readonly [string, { readonly plan: Plan; readonly told: Change }, Change, string]>([
    [
      'that takes a start, and of which only PostgreSQL knows, is asked for until Patroni has had the time to notice',
      onlyPostgresKnows,
      all(both({ shared_buffers: '32MB' }), settling),
      asks,
    ],
    [
      'of which only PostgreSQL knows is in force once Patroni says nothing then',
      onlyPostgresKnows,
      both({ shared_buffers: '32MB' }),
      well,
    ],
    [
      'of which only PostgreSQL knows takes a start as soon as Patroni says so',
      onlyPostgresKnows,
      all(both({ shared_buffers: '32MB' }), settling, pending),
      restarts,
    ],
    ['that takes a reload is asked for until it is in force', reloaded, both({ work_mem: '4MB' }), asks],
    ['that takes a reload is in force', reloaded, both({ work_mem: '8MB' }), well],
    [
      'that takes a start is asked for where Patroni says nothing of one',
      started,
      both({ shared_buffers: '32MB' }),
      asks,
    ],
    ['that takes a start has one', started, all(both({ shared_buffers: '32MB' }), pending), restarts],
    [
      'that takes a start waits for Patroni to notice',
      started,
      all(both({ shared_buffers: '32MB' }), settling),
      'restarting none: Patroni on shop-1 has not noticed yet that a restart is due [shop-1]',
    ],
    [
      'that Patroni was not told yet is told, and nobody starts',
      started,
      all(
        both({ shared_buffers: '32MB' }),
        dcs('shop-config', { config: { postgresql: { parameters: {} }, [markKey]: { parameters: '' } } }),
      ),
      'configuring configure: Patroni has to be told [nobody]',
    ],
    [
      'that only PostgreSQL can read is taken for what was meant',
      onlyPostgresKnows,
      both({ shared_buffers: '32MB' }),
      well,
    ],
    [
      'that left the spec is asked for until it is at Patroni’s value',
      gonePatroni,
      both({ max_connections: '200' }),
      asks,
    ],
    ['that left the spec is at Patroni’s value', gonePatroni, both({ max_connections: '100' }), well],
    [
      'that left the spec has a start',
      gonePatroni,
      all(both({ max_connections: '200' }), pending),
      'restarting restart: PostgreSQL on shop-0 has to start anew for parameters to take effect [shop-0]',
    ],
    [
      'that left the spec and may be set elsewhere is asked for while Patroni may not have noticed',
      goneOther,
      all(both({ shared_buffers: '64MB' }), settling),
      asks,
    ],
    ['that left the spec and may be set elsewhere is let be', goneOther, both({ shared_buffers: '64MB' }), well],
    ['that left the spec and takes no start is let be', goneReload, all(both({ work_mem: '8MB' }), settling), well],
  ])('%s', (_, { plan: of, told }, change, words) => expect(step(all(told, change), of)).toBe(words));

  const lower = planned({ max_connections: parameter('50', { replicasFirst: true }) });
  const position = (primary: string | null, replica: string | null): Change =>
    said({
      'shop-0': { max_connections: '50', ...(primary === null ? {} : { 'wal/position': primary }) },
      'shop-1': { max_connections: '100', ...(replica === null ? {} : { 'wal/position': replica }) },
    });

  it.each<readonly [string, Change, string]>([
    ['once it has replayed what its primary wrote', position('5', '5'), restarts],
    [
      'not before',
      position('6', '5'),
      'restarting verify: shop-1 has to hear of the lower values from shop-0 first [shop-1]',
    ],
    [
      'not where nobody knows',
      position(null, null),
      'restarting verify: shop-1 has to hear of the lower values from shop-0 first [shop-1]',
    ],
  ])('that falls has a replica start %s', (_, change, words) =>
    expect(step(all(lower.told, change, patroni('shop-1', { pendingRestart: true })), lower.plan)).toBe(words),
  );

  it('has its restart wait for another member that is not ready', () => {
    const change = all(
      third,
      started.told,
      said({
        'shop-0': { shared_buffers: '64MB' },
        'shop-1': { shared_buffers: '32MB' },
        'shop-2': { shared_buffers: '64MB' },
      }),
      patroni('shop-1', { pendingRestart: true }),
      unready('shop-2'),
    );
    expect(step(change, started.plan)).toBe('restarting none: shop-1 waits for shop-2: its pod is not Ready [shop-2]');
  });

  it('is restarted for at the replicas in their order, then at the primary', () => {
    const behind = { shared_buffers: '32MB' };
    const one = all(
      third,
      started.told,
      said({ 'shop-0': behind, 'shop-1': behind, 'shop-2': behind }),
      pending,
      patroni('shop-2', { pendingRestart: true }),
    );
    expect(step(one, started.plan)).toBe(restarts);
    const two = said({ 'shop-0': behind, 'shop-1': { shared_buffers: '64MB' }, 'shop-2': behind });
    expect(step(all(one, two, patroni('shop-1', { pendingRestart: false })), started.plan)).toContain(
      'PostgreSQL on shop-2',
    );
  });

  it('is not lowered further while a member has yet to start', () => {
    const { plan: of } = planned({ max_connections: parameter('60', { replicasFirst: true }) });
    const before = dcs('shop-config', {
      config: { postgresql: { parameters: { max_connections: '200' } }, [markKey]: { parameters: 'max_connections' } },
    });
    expect(step(all(before, both({ max_connections: '200' })), of)).toContain('configure');
    expect(step(all(before, both({ max_connections: '200' }), pending), of)).not.toContain('configure');
    expect(step(all(before, configuring, said({})), of)).toBe(asks);
  });
});

describe('labels of the spec', () => {
  const bearing = (mark: string): Change =>
    all(
      ...['shop-0', 'shop-1'].map((name) =>
        changed(`Pod/${name}`, { annotations: { [annotations.podMetadata]: mark, [annotations.template]: 'new' } }),
      ),
    );
  const labelled: Plan = { ...plan, podMetadata: { ...plan.podMetadata, mark: 'm' } };
  const label = 'configuring label: shop-0, shop-1 has to bear the labels and annotations of the spec [nobody]';

  it.each<readonly [string, Change, Plan, string]>([
    ['are put on', asIs, labelled, label],
    ['are there', bearing('m'), labelled, well],
    ['are put on in place of others', bearing('other'), labelled, label],
    ['are taken off', bearing('m'), plan, label],
    [
      'are not put on a pod that is not there',
      gone('Pod/shop-1'),
      labelled,
      'configuring label: shop-0 has to bear the labels and annotations of the spec [nobody]',
    ],
  ])('%s', (_, change, of, words) => expect(step(change, of)).toBe(words));
});

const set = (change: object): Change =>
  changed('StatefulSet/shop', {
    detail: { type: 'StatefulSet', replicas: 2, template: 'new', current: true, ...change },
  });

describe('pods of another template', () => {
  it.each<readonly [string, Change, string]>([
    [
      'go from the highest',
      all(third, old('shop-1'), old('shop-2')),
      'replacing replace: shop-2 runs another template [shop-2]',
    ],
    [
      'go those in trouble first',
      all(third, old('shop-1'), old('shop-2'), unready('shop-1')),
      'replacing replace: shop-1 runs another template [shop-1]',
    ],
    [
      'go the leader’s last',
      all(third, old('shop-0'), old('shop-1')),
      'replacing replace: shop-1 runs another template [shop-1]',
    ],
    [
      'wait for a new one that is not ready',
      all(third, old('shop-1'), unready('shop-2')),
      'replacing none: shop-2 has to stream before another goes: its pod is not Ready [shop-2]',
    ],
    [
      'wait for one that is not there',
      all(third, old('shop-1'), gone('Pod/shop-2')),
      'replacing none: shop-2 has to stream before another goes: its pod is gone [shop-2]',
    ],
    [
      'wait while one is on its way out',
      all(old('shop-1'), changed('Pod/shop-1', { deleting: true })),
      'replacing none: shop-1 is on its way out [shop-1]',
    ],
    [
      'wait until the StatefulSet is not rolling',
      all(old('shop-1'), set({ current: false })),
      'replacing none: the StatefulSet has to bear the new template first [nobody]',
    ],
    [
      'wait for the StatefulSet to be there',
      all(old('shop-1'), gone('StatefulSet/shop')),
      'replacing none: the StatefulSet has to bear the new template first [nobody]',
    ],
    [
      'wait where nobody could take over from their leader',
      all(third, old('shop-0'), unready('shop-1')),
      'replacing none: shop-1 has to stream before another goes: its pod is not Ready [shop-1]',
    ],
  ])('%s', (_, change, words) => expect(step(change)).toBe(words));

  it('are mended first where somebody asks for that, and wait for who was not asked about', () => {
    const change = all(third, old('shop-2'), unready('shop-1'));
    const asked = { request: 'reinit' } as const;
    expect(step(change, plan, asked)).toBe('rebuilding reinitialize: reinit "once" is due at shop-1 [shop-1]');
    expect(step(all(third, old('shop-1'), unready('shop-2')), plan, asked)).toBe(
      'replacing none: shop-2 has to stream before another goes: its pod is not Ready [shop-2]',
    );
  });

  it('wait for another replica to confirm commits', () => {
    const change = all(third, old('shop-1'), dcs('shop-sync', { syncStandbys: [] }));
    expect(step(change, plan, { synchrony: 'unconfirmed' })).toMatch(
      /^configuring none: Patroni has to choose who confirms commits/,
    );
  });
});

describe('a pod that never came to run', () => {
  const stuck = all(
    old('shop-1'),
    pod('shop-1', () => ({ ready: false, patroni: null, trouble: 'ErrImagePull' })),
  );
  const because = 'shop-1 never came to run, and another template is offered by now';
  const anew = { name: 'shop-1', uid: 'Pod-shop-1', because };
  const making = all(
    stuck,
    pod('shop-1', () => ({ trouble: 'ContainerCreating' })),
  );
  const warnings = { 'Pod/shop-1': { uid: 'Pod-shop-1', reason: 'FailedMount', message: '' } };
  const unborn = remembering({ systemIdentifier: null });
  const noWriter: Partial<Choice> = { leader: 'none' };

  it.each<readonly [string, Change, Partial<Choice>, unknown]>([
    ['is made anew while nobody writes', stuck, noWriter, anew],
    [
      'is made anew of a cluster that was never complete',
      all(stuck, remembering({ rolledOutGeneration: null })),
      {},
      anew,
    ],
    ['stays while Patroni is paused by hand', all(stuck, dcs('shop-config', { paused: true })), noWriter, null],
    ['stays while another template is not offered', all(stuck, set({ template: 'old' })), noWriter, null],
    ['stays while it is on its way out', all(stuck, changed('Pod/shop-1', { deleting: true })), noWriter, null],
    [
      'stays while it names no trouble',
      all(
        stuck,
        pod('shop-1', () => ({ trouble: null })),
      ),
      noWriter,
      null,
    ],
    ['is made anew while it is being made, of a database that there is', making, noWriter, anew],
    ['stays then while there is none: it may be about to make it', all(making, unborn), noWriter, null],
    ['is made anew then if something is in its way', all(making, unborn, remembering({ warnings })), noWriter, anew],
    ['is none where Patroni reports', old('shop-1'), noWriter, null],
    [
      'is none where it is of the new template',
      all(stuck, changed('Pod/shop-1', { annotations: { [annotations.template]: 'new' } })),
      noWriter,
      null,
    ],
    ['is none where it is not there', gone('Pod/shop-1'), noWriter, null],
  ])('%s', (_, change, choice, found) => expect(neverStarted({ facts: facts(change, choice), plan })).toEqual(found));
});
