/** Owns: changes of facts, to be put one after the other onto a world: another object, another memory, another word of Patroni's. */
import type { ActiveRequest, Facts, Memory } from '#machines/cluster/facts.ts';
import type {
  DcsSeen,
  ObjectProjection,
  PatroniMember,
  PodDetail,
  PersistentVolumeClaimDetail,
} from '#machines/cluster/observations.ts';
import type { DesiredObject } from '#machines/cluster/plan.ts';

export type Change = (facts: Facts) => Facts;

export const asIs: Change = (facts) => facts;

/** One after the other. */
export const all = (...changes: readonly Change[]): Change =>
  changes.reduce((one, other) => (facts) => other(one(facts)));

export function withObject(object: ObjectProjection): Change {
  return (facts) => {
    const objects = { ...facts.world.objects, [`${object.kind}/${object.name}`]: { object, since: 0, changed: [] } };
    return { ...facts, world: { ...facts.world, objects } };
  };
}

export function objectOf(facts: Facts, key: string): ObjectProjection {
  const object = facts.world.objects[key]?.object;
  if (object === undefined) throw new Error(`there is no ${key}`);
  return object;
}

export function changed(key: string, change: Partial<ObjectProjection>): Change {
  return (facts) => withObject({ ...objectOf(facts, key), ...change })(facts);
}

/** What a pod tells is otherwise than it was. */
export function pod(name: string, change: (was: PodDetail) => Partial<PodDetail>): Change {
  return (facts) => {
    const { detail } = objectOf(facts, `Pod/${name}`);
    if (detail.type !== 'Pod') throw new Error('no pod');
    return changed(`Pod/${name}`, { detail: { ...detail, ...change(detail) } })(facts);
  };
}

/** Patroni says something else on a pod. */
export function patroni(name: string, told: Partial<PatroniMember>): Change {
  return pod(name, (was) => {
    if (was.patroni === null) throw new Error('no report');
    return { patroni: { ...was.patroni, ...told } };
  });
}

export function dcs(name: string, told: Partial<DcsSeen>): Change {
  return (facts) => {
    const { detail } = objectOf(facts, `Endpoints/${name}`);
    if (detail.type !== 'Endpoints' || detail.dcs === null) throw new Error('no object');
    return changed(`Endpoints/${name}`, { detail: { ...detail, dcs: { ...detail.dcs, ...told } } })(facts);
  };
}

/** Objects that are not there, by key. */
export function gone(...keys: readonly string[]): Change {
  return (facts) => {
    const objects = Object.fromEntries(Object.entries(facts.world.objects).filter(([key]) => !keys.includes(key)));
    return { ...facts, world: { ...facts.world, objects } };
  };
}

/** Another of Patroni's objects, with this uid. */
export const failoverObject: Change = (facts) =>
  withObject({ ...objectOf(facts, 'Endpoints/shop'), name: 'shop-failover', uid: 'failover' })(facts);

/** A claim of such a size whose volume is there. */
export function boundClaim(size: string): PersistentVolumeClaimDetail {
  return { type: 'PersistentVolumeClaim', phase: 'Bound', requested: size, capacity: size, storageClass: null };
}

/** Each member has a volume of such a size. */
export function volumes(size: string): Change {
  return (facts) =>
    ['data-shop-0', 'data-shop-1'].reduce((now, name) => {
      const detail = boundClaim(size);
      const base = objectOf(facts, 'StatefulSet/shop');
      return withObject({ ...base, kind: 'PersistentVolumeClaim', name, uid: name, detail })(now);
    }, facts);
}

/** The whole cluster is kept in ConfigMaps. */
export const inConfigMaps: Change = (facts) => {
  const objects = Object.values(facts.world.objects).flatMap(({ object }): ObjectProjection[] =>
    object.detail.type === 'Endpoints'
      ? [
          {
            ...object,
            kind: 'ConfigMap',
            name: object.name === 'shop' ? 'shop-leader' : object.name,
            detail: { type: 'ConfigMap', dcs: object.detail.dcs } as never,
          },
        ]
      : [],
  );
  const now = objects.reduce((each, object) => withObject(object)(each), facts);
  return { ...now, memory: { ...now.memory, dcs: 'ConfigMaps' } };
};

export function remembering(memory: Partial<Memory>): Change {
  return (facts) => ({ ...facts, memory: { ...facts.memory, ...memory } });
}

/** The spec asks for so many members. */
export function replicas(count: number): Change {
  return (facts) => {
    const { accepted } = facts.memory;
    if (accepted === null) throw new Error('no spec');
    return remembering({ accepted: { ...accepted, spec: { ...accepted.spec, replicas: count } } })(facts);
  };
}

/** The two members have changed places: shop-1 leads. */
export function swapped(facts: Facts): Facts {
  const [one, two] = [objectOf(facts, 'Pod/shop-0').detail, objectOf(facts, 'Pod/shop-1').detail];
  return all(changed('Pod/shop-0', { detail: two }), changed('Pod/shop-1', { detail: one }))(facts);
}

/** What was asked for once, of no member, while shop-0 led. */
export function requestOf(change: Pick<ActiveRequest, 'kind'> & Partial<ActiveRequest>): ActiveRequest {
  return { token: 'once', member: null, leader: 'shop-0', timeline: 1, members: [], started: {}, done: [], ...change };
}

/** An object of a plan. */
export function desired(
  kind: DesiredObject['ref']['kind'],
  name: string,
  change: Partial<DesiredObject> = {},
): DesiredObject {
  return {
    ref: { kind, name },
    apiVersion: 'v1',
    resource: '',
    body: {},
    renderHash: 'text',
    creation: 'B',
    generated: [],
    repair: 'full',
    disruptive: false,
    leaf: false,
    after: [],
    deletion: 'service',
    ...change,
  };
}
