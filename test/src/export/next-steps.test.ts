/**
 * Hazard: a sentence is written for people, and somebody reads it by a pattern: with the next edit of its words the answer is
 * gone. What to do next comes from what was seen.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { evidenceOf, type Evidence } from '#src/export/evidence.ts';
import { nextSteps } from '#src/export/next-steps.ts';
import { calm, factsOf } from '#test/machines/cluster/worlds.ts';

const { world } = factsOf(calm);
const key = 'Pod/shop-0';

/** shop-0 holds the leader key; Patroni in it says this role. The status says nothing of it. */
function seen(role: string, phase: string, dcs: 'Endpoints' | 'ConfigMaps'): Evidence {
  const evidence = evidenceOf([], world);
  const objects = new Map(evidence.objects);
  const pod = objects.get(key);
  const leader = objects.get('Endpoints/shop');
  if (pod?.detail.type !== 'Pod' || pod.detail.patroni === null || leader?.detail.type !== 'Endpoints')
    throw new Error('not the calm world');
  objects.set(key, {
    ...pod,
    detail: { ...pod.detail, patroni: { ...pod.detail.patroni, role } },
  });
  if (dcs === 'ConfigMaps') {
    objects.delete('Endpoints/shop');
    const detail = { type: 'ConfigMap', dcs: leader.detail.dcs } as const;
    objects.set('ConfigMap/shop-leader', {
      ...leader,
      kind: 'ConfigMap',
      name: 'shop-leader',
      detail,
    });
  }
  const told = {
    nextAction: null,
    readyReplicas: 1,
    primaryPod: null,
    conditions: [],
  };
  return {
    ...evidence,
    objects,
    status: { at: 0, phase, reason: 'worded anew', ...told },
  };
}

describe('a member that holds the leader key and does not lead', () => {
  it.each(['Endpoints', 'ConfigMaps'] as const)('is named, whatever the status says of it (%s)', (dcs) =>
    expect(nextSteps(seen('replica', 'Recovering', dcs))).toEqual([
      expect.objectContaining({
        object: key,
        because: 'it holds the leader key, but PostgreSQL in it is a replica',
      }),
    ]),
  );

  it.each([
    ['primary', 'Recovering'],
    ['replica', 'Running'],
  ])('is not seen in a %s of a cluster that is %s', (role, phase) =>
    expect(nextSteps(seen(role, phase, 'Endpoints')).map(({ object }) => object)).toEqual(['PostgresCluster/shop']),
  );
});

/** shop-0 is not Ready, Patroni in it has not spoken yet, and its container says this. */
function containerSays(trouble: string): readonly string[] {
  const evidence = seen('primary', 'Degraded', 'Endpoints');
  const objects = new Map(evidence.objects);
  const pod = objects.get(key);
  if (pod?.detail.type !== 'Pod') throw new Error('not the calm world');
  objects.set(key, { ...pod, detail: { ...pod.detail, ready: false, patroni: null, trouble } });
  return nextSteps({ ...evidence, objects }).flatMap(({ object, because }) => (object === key ? [because ?? ''] : []));
}

describe('a container', () => {
  it.each(['ContainerCreating', 'PodInitializing', 'Waiting'])('that is being made needs nobody: %s', (trouble) =>
    expect(containerSays(trouble)).toEqual([]),
  );

  it('that does not come to run does', () =>
    expect(containerSays('CrashLoopBackOff')).toEqual(['its container does not run: CrashLoopBackOff']));
});

/** shop-1 is not Ready, PostgreSQL in it is so, and the cluster is in this phase. */
function memberIs(state: string, phase: string, trouble: string | null = null): readonly string[] {
  const evidence = seen('primary', phase, 'Endpoints');
  const objects = new Map(evidence.objects);
  const pod = objects.get('Pod/shop-1');
  if (pod?.detail.type !== 'Pod' || pod.detail.patroni === null) throw new Error('not the calm world');
  const detail = { ...pod.detail, ready: false, trouble, patroni: { ...pod.detail.patroni, state } };
  objects.set('Pod/shop-1', { ...pod, detail });
  return nextSteps({ ...evidence, objects }).flatMap(({ object, because }) =>
    object === 'Pod/shop-1' ? [because ?? ''] : [],
  );
}

describe('a member that is made anew', () => {
  it.each(['stopped', 'starting'])('by an update needs nobody while it is %s', (state) =>
    expect(memberIs(state, 'Updating')).toEqual([]),
  );

  it('needs nobody while its container is made, whatever was said before', () =>
    expect(memberIs('stopped', 'Degraded', 'ContainerCreating')).toEqual([]));

  it.each(['start failed', 'crashed'])('by an update and is %s has to be looked at', (state) =>
    expect(memberIs(state, 'Updating')).toEqual([`PostgreSQL does not run; now Patroni says ${state}`]),
  );

  it('by nobody has to be looked at while it is stopped', () =>
    expect(memberIs('stopped', 'Degraded')).toEqual(['PostgreSQL does not run; now Patroni says stopped']));
});

describe('a password that cannot be one', () => {
  it('is put right in the Secret that holds it, which need not be the one that asked for a rotation', () => {
    const evidence = seen('primary', 'Updating', 'Endpoints');
    const message =
      'Secret shop-credentials says what is not in force, and that is given up: password of Secret shop-app must be 8 to 128 letters';
    const condition = { type: 'RequestRefused', status: 'True', reason: 'Refused', message };
    const status = evidence.status === null ? null : { ...evidence.status, conditions: [condition] };
    expect(nextSteps({ ...evidence, status })).toContainEqual(
      expect.objectContaining({ object: 'Secret/shop-app', step: 'kubectl -n default edit secret shop-app' }),
    );
  });
});

/** shop-1 runs under this Patroni on the leader's timeline, Ready, and says nothing of streaming. */
function runsUnder(version: string): readonly string[] {
  const evidence = seen('primary', 'Degraded', 'Endpoints');
  const objects = new Map(evidence.objects);
  const pod = objects.get('Pod/shop-1');
  if (pod?.detail.type !== 'Pod' || pod.detail.patroni === null) throw new Error('not the calm world');
  const patroni = { ...pod.detail.patroni, state: 'running', version };
  objects.set('Pod/shop-1', { ...pod, detail: { ...pod.detail, patroni } });
  return nextSteps({ ...evidence, objects }).flatMap(({ object, because }) => (object === key ? [] : [because ?? '']));
}

describe('a replica that runs', () => {
  it('and says nothing of streaming has to be looked at', () =>
    expect(runsUnder('4.0.4')).toContain('its PostgreSQL runs and does not stream from shop-0'));

  it('under a Patroni that has no word for it has not', () =>
    expect(runsUnder('3.0.2')).not.toContainEqual(expect.stringContaining('stream')));
});

describe('an operator that lacks a right', () => {
  it('is given it back by a file that holds rights alone: the whole of deploy/ has another image, and other settings', () => {
    const trouble = { seq: 1, at: 1, what: 'ReadObject Pod/shop-0', because: 'refused', reason: 'Forbidden' };
    const [first] = nextSteps({ ...seen('primary', 'Running', 'Endpoints'), troubles: [trouble] });
    const [, namespace, file = ''] = /kubectl apply -n (\S+) -f (\S+);/.exec(first?.step ?? '') ?? [];
    const text = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    const all = parseAllDocuments(text).map(
      (each) => each.toJS() as { kind: string; subjects?: { namespace: string }[] },
    );
    expect(new Set(all.map(({ kind }) => kind.replace(/^Cluster/, '')))).toEqual(
      new Set(['ServiceAccount', 'Role', 'RoleBinding']),
    );
    expect(new Set(all.flatMap(({ subjects = [] }) => subjects.map((each) => each.namespace)))).toEqual(
      new Set([namespace]),
    );
  });
});
