/** Owns: the lives whose decisions are written down: each a row of happenings in a small world. */
import { answered } from './answers.ts';
import {
  addedByHand,
  calm,
  changedByHand,
  dcsWritten,
  deletedByHand,
  deletedByUser,
  edited,
  fair,
  leaderDies,
  leaderElected,
  orphaned,
  podsGone,
  podsMade,
  replicaDies,
  reports,
  timerFires,
} from './happenings.ts';
import {
  row,
  start,
  running,
  created,
  hand,
  edit,
  alter,
  stale,
  fresh,
  silent,
  heard,
  timer,
  faulted,
  refusedStatefulSet,
  namesake,
  retouched,
  without,
  foreignService,
  identifier,
  claim,
} from './scripts.ts';
import {
  amnesiac,
  clusterShown,
  newWorld,
  restarted,
  threeMembers,
  twoMembers,
  type SmallWorld,
} from './small-world.ts';

/** Every life, by the name of its golden file. */
export const lives: Readonly<Record<string, () => SmallWorld>> = {
  'created and running': () => fair(row(newWorld(threeMembers), start)),
  'created on config maps': () => fair(row(newWorld({ ...twoMembers, dcs: 'ConfigMaps' }), start)),
  'created step by step': () =>
    row(
      created(),
      podsMade,
      (world) => reports(world, 'shop-0', { state: 'starting', timeline: null, positionBytes: null }, { ready: false }),
      (world) => reports(world, 'shop-1', {}, { ready: false, trouble: 'ImagePullBackOff' }),
      calm,
      leaderElected,
      calm,
      (world) => reports(world, 'shop-1', { state: 'creating replica', timeline: null }, { trouble: null }),
      (world) => reports(world, 'shop-1', { state: 'streaming', timeline: 99 }),
      (world) => reports(world, 'shop-1', { timeline: null }),
      (world) =>
        reports(world, 'shop-1', {
          timeline: world.snapshot.facts.memory.leader?.timeline ?? null,
          positionBytes: null,
        }),
      (world) => reports(world, 'shop-1', { positionBytes: 0 }),
      (world) => reports(world, 'shop-0', { positionBytes: 50_331_648 + 33_554_432 }),
      (world) => reports(world, 'shop-1', { positionBytes: 50_331_648 }, { ready: false }),
      calm,
      (world) => reports(world, 'shop-1', { pendingRestart: true }),
      calm,
    ),
  'the leader dies': () =>
    row(running(threeMembers), leaderDies, calm, podsMade, leaderElected, calm, timer, calm, fair),
  'the leader is lost twice': () =>
    row(
      running(),
      leaderDies,
      leaderElected,
      podsMade,
      leaderDies,
      calm,
      leaderElected,
      calm,
      timer,
      timer,
      calm,
      fair,
    ),
  'the leader is terminating, stopped, silent': () =>
    row(
      running(),
      alter('Pod/shop-0', { deleting: true }),
      calm,
      alter('Pod/shop-0', { deleting: false }),
      calm,
      silent,
      silent,
      calm,
      heard,
      calm,
      (world) => reports(world, 'shop-0', { state: 'stopped' }),
      calm,
      fair,
    ),
  'a replica dies': () => row(running(threeMembers), replicaDies, calm, timer, podsMade, leaderElected, calm, fair),
  'no leader within the deadline': () =>
    row(created(), podsMade, calm, timer, timer, calm, timer, calm, timer, timer, calm, leaderElected, fair),
  'no new leader within the deadline': () =>
    row(
      running(),
      leaderDies,
      calm,
      timer,
      timer,
      timer,
      calm,
      timer,
      timer,
      timer,
      calm,
      podsMade,
      leaderElected,
      fair,
    ),
  'replicas late at creation': () =>
    row(
      created(threeMembers),
      podsMade,
      (world) => leaderElected(world),
      (world) => deletedByHand(world, 'Pod/shop-2'),
      calm,
      (world) => timerFires(world, (id) => id.startsWith('deadline/')),
      calm,
      podsMade,
      leaderElected,
      calm,
      fair,
    ),
  'a pod that waits in silence': () =>
    row(
      created(),
      podsMade,
      (world) => reports(world, 'shop-1', {}, { ready: false, trouble: 'ContainerCreating' }),
      calm,
      (world) => timerFires(world, (id) => id === 'ask'),
      calm,
      (world) => timerFires(world, (id) => id.startsWith('await/Events/')),
      calm,
      leaderElected,
      calm,
      (world) => reports(world, 'shop-1', {}, { ready: true, trouble: null }),
      fair,
    ),
  'the StatefulSet is refused': () =>
    row(newWorld(), start, refusedStatefulSet, timer, calm, (world) => edited(world, { paused: true }), calm, fair),
  'deleted, its data kept': () => row(running(), (world) => deletedByUser(world), calm, podsGone, calm),
  'deleted with its data': () =>
    row(
      running({ ...twoMembers, volumePolicy: 'Delete' }),
      (world) => deletedByUser(world),
      calm,
      podsGone,
      calm,
      fair,
    ),
  'deleted on config maps': () =>
    row(running({ ...twoMembers, dcs: 'ConfigMaps' }), (world) => deletedByUser(world), calm, podsGone, calm, fair),
  'deleted as an orphanage': () => row(running(), (world) => deletedByUser(world, true), calm, orphaned, calm),
  'deleted as an orphanage, the finalizer missed': () =>
    row(running(), alter('ConfigMap/shop-patroni-config', { owners: [] }), (world) => deletedByUser(world), calm),
  'deleted though protected': () =>
    row(
      running({ ...twoMembers, deletionProtection: true }),
      (world) => deletedByUser(world),
      calm,
      hand(deletedByHand, 'ConfigMap/shop-patroni-config'),
      calm,
      edit({ deletionProtection: false }),
      fair,
    ),
  'deleted while it was created': () =>
    row(
      newWorld(),
      start,
      (world) => deletedByUser(clusterShown(world, { finalizers: ['postgres.example.com/finalizer'] })),
      fair,
    ),
  'deleted while a create is in doubt': () =>
    row(
      newWorld(),
      start,
      (world) => (world.asked[0] === undefined ? null : answered(world, world.asked[0])),
      faulted('unknown', (type) => type === 'CreateObject', true),
      (world) => deletedByUser(world),
      calm,
      fair,
    ),
  'changed, added to and deleted by hand': () =>
    row(
      running(),
      hand(changedByHand, 'Service/shop-repl'),
      calm,
      hand(changedByHand, 'StatefulSet/shop'),
      calm,
      hand(addedByHand, 'Service/shop'),
      calm,
      hand(deletedByHand, 'Service/shop-headless'),
      calm,
      hand(deletedByHand, 'Service/shop'),
      calm,
      hand(deletedByHand, 'Secret/shop-app'),
      calm,
      hand(deletedByHand, 'Secret/shop-credentials-inforce'),
      calm,
      hand(deletedByHand, 'Secret/shop-credentials-inforce'),
      hand(deletedByHand, 'Secret/shop-credentials'),
      calm,
    ),
  'paused, meddled with, resumed': () =>
    row(
      running(),
      edit({ paused: true }),
      calm,
      hand(changedByHand, 'Service/shop-repl'),
      hand(deletedByHand, 'ConfigMap/shop-patroni-config'),
      calm,
      edit({ paused: false }),
      calm,
    ),
  'an edit that is refused': () =>
    row(running(), edit({ version: '16' }), calm, edit({ version: '17' }), calm, edit({ replicas: 3 }), calm),
  'a spec that is not valid': () =>
    row(newWorld({ ...twoMembers, version: '9' as '17' }), start, calm, edit({ version: '17' }), fair),
  'a source that is stale': () => row(running(), stale, stale, calm, leaderDies, calm, fresh, calm, fair),
  'an object in the way': () =>
    row(
      newWorld(),
      (world) => ({ ...world, objects: { 'Service/shop': foreignService() } }),
      start,
      calm,
      hand(deletedByHand, 'Service/shop'),
      calm,
    ),
  'restarted in the midst of creating': () =>
    row(
      newWorld(),
      start,
      (world) => (world.asked[0] === undefined ? null : answered(world, world.asked[0])),
      restarted,
      calm,
      timer,
      timer,
      timer,
      timer,
      calm,
    ),
  'restarted when all is well': () => row(running(), restarted, calm),
  'without its journal when all is well': () => row(running(), amnesiac, calm),
  'without its journal while recovering': () => row(running(), leaderDies, calm, amnesiac, calm, fair),
  'a namesake over kept data': () => fair(namesake()),
  'a namesake over kept data of another database': () =>
    row(
      namesake((world) =>
        retouched(world, claim, ({ annotations }) => ({ annotations: { ...annotations, [identifier]: '8' } })),
      ),
      calm,
      edit({ paused: true }),
      calm,
    ),
  'a namesake over kept data of an unknown database': () =>
    row(
      namesake((world) =>
        Object.keys(world.objects).reduce(
          (now, key) =>
            retouched(now, key, ({ annotations }) => ({ annotations: { ...annotations, [identifier]: 'none' } })),
          world,
        ),
      ),
      calm,
    ),
  'a namesake of another version': () => row(namesake(undefined, '16'), calm),
  'a namesake without passwords': () =>
    row(
      namesake((world) => without(world, 'Secret/shop-credentials', 'Secret/shop-credentials-inforce')),
      calm,
    ),
  'a namesake with one of its passwords': () =>
    fair(namesake((world) => without(world, 'Secret/shop-credentials-inforce'))),
  'a namesake over an orphanage': () => {
    const left = row(running(), (world) => deletedByUser(world, true), calm, orphaned, calm);
    const cluster = newWorld(twoMembers, { uid: 'uid-of-namesake' }).cluster;
    return fair(amnesiac({ ...left, cluster, published: null, decisions: [] }));
  },
  'volumes unbound and too small': () =>
    row(
      created(),
      alter(claim, {
        detail: {
          type: 'PersistentVolumeClaim',
          phase: 'Pending',
          requested: '1Gi',
          capacity: null,
          storageClass: null,
        },
      }),
      calm,
      alter(claim, {
        detail: {
          type: 'PersistentVolumeClaim',
          phase: 'Bound',
          requested: '1Gi',
          capacity: '900Mi',
          storageClass: null,
        },
      }),
      calm,
      timer,
      calm,
      alter(claim, {
        detail: {
          type: 'PersistentVolumeClaim',
          phase: 'Bound',
          requested: '1Gi',
          capacity: '2Gi',
          storageClass: null,
        },
      }),
      calm,
      timer,
      calm,
    ),
  'Patroni is paused and its object rewritten': () =>
    row(
      running(),
      (world) => dcsWritten(world, 'shop-config', { paused: true }),
      (world) => dcsWritten(world, 'shop', { leader: 'shop-9' }),
      calm,
    ),
};
