/**
 * The machine explored by what really happens: from a new PostgresCluster, every happening in every order, as far as `NODES`
 * worlds go; worlds that differ in nothing that is asked of them count once. Nothing reaches into the machine.
 *
 * `NODES=4000 ONE_IN=10 npm exec -- vitest run --config test/vitest.config.ts --testTimeout 600000 test/src/decision/explored.test.ts`
 */
import { describe, expect, it } from 'vitest';
import { phaseOf } from '#machines/cluster/chart.ts';
import { labels } from '#machines/shared/names.ts';
import { arrows, states } from '#test/machines/cluster/states.ts';
import { answered, failed, type Fault } from './answers.ts';
import {
  calm,
  changedByHand,
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
  surplusGone,
  timerFires,
  type Happening,
} from './happenings.ts';
import { hand, row, start } from './scripts.ts';
import { amnesiac, newWorld, restarted, told, twoMembers, type SmallWorld } from './small-world.ts';

const nodesMax = Number(process.env['NODES'] ?? 400);
/** Of the worlds of one state the first so many are led to their end in every way; then one in so many. */
const ledToTheirEnd = 2;
const oneIn = Number(process.env['ONE_IN'] ?? 60);

function fault(kind: Fault, landed = false): Happening {
  return (world) => (world.asked[0] === undefined ? null : failed(world, world.asked[0], kind, landed));
}

const answer: Happening = (world) => (world.asked[0] === undefined ? null : answered(world, world.asked[0]));
const allAnswered: Happening = (world) => (world.asked.length === 0 ? null : calm(world));

function toggled(field: 'paused' | 'deletionProtection'): Happening {
  return (world) => edited(world, { [field]: world.cluster?.spec[field] !== true });
}

const stale: Happening = (world) =>
  world.snapshot.facts.world.stale.length > 0
    ? told(world, { type: 'SourceFresh', source: 'pods' })
    : told(world, { type: 'SourceWentStale', source: 'pods', because: 'nothing was heard for 60 s' });

const silence: Happening = (world) =>
  world.snapshot.facts.world.leaderSilentSince === null
    ? told(world, { type: 'LeaderSilent', silentMs: 30_000 })
    : told(world, { type: 'LeaderHeard' });

/** Everything that may happen next. */
const happenings: Readonly<Record<string, Happening>> = {
  'all is answered': allAnswered,
  'one is answered': answer,
  'one is refused': fault('refused'),
  'one meets a conflict': fault('conflict'),
  'one is withheld': fault('withheld'),
  'one is in doubt': fault('unknown'),
  'one is in doubt and was done': fault('unknown', true),
  'pods are made': podsMade,
  'a leader is elected': leaderElected,
  'the leader dies': leaderDies,
  'a replica dies': replicaDies,
  'the pods are gone': podsGone,
  'a timer fires': (world) => timerFires(world),
  'a deadline passes': (world) => timerFires(world, (id) => id.startsWith('deadline/')),
  'good news has held': (world) => timerFires(world, (id) => id === 'hold'),
  'the user deletes': (world) => deletedByUser(world),
  'the user deletes with --cascade=orphan': (world) => deletedByUser(world, true),
  'the garbage collector orphans': orphaned,
  'the user pauses or resumes': toggled('paused'),
  'the user protects or does not': toggled('deletionProtection'),
  'the user asks for another version': (world) =>
    edited(world, { version: world.cluster?.spec.version === '17' ? '16' : '17' }),
  'the user asks for a member more or less': (world) =>
    edited(world, { replicas: world.cluster?.spec.replicas === 2 ? 3 : 2 }),
  'a pod too many is gone': surplusGone,
  'a Service of Patroni is deleted by hand': hand(deletedByHand, 'Service/shop'),
  'the StatefulSet is deleted by hand': hand(deletedByHand, 'StatefulSet/shop'),
  'a Secret is deleted by hand': hand(deletedByHand, 'Secret/shop-app'),
  'the StatefulSet is changed by hand': hand(changedByHand, 'StatefulSet/shop'),
  'a source goes stale or is fresh again': stale,
  'the leader falls silent or is heard': silence,
  'the operator restarts': restarted,
  'the operator loses its journal': amnesiac,
};

/** What tells two worlds apart: no times, no counts, no uids. */
function keyOf(world: SmallWorld): string {
  const { state, facts } = world.snapshot;
  const { memory } = facts;
  const objects = Object.entries(world.objects).map(
    ([key, { deleting, finalizers, ownedHash, labels: marks, detail }]) => [
      key,
      deleting,
      finalizers.length,
      ownedHash === 'by another hand',
      marks[labels.retained] ?? '',
      detail.type === 'Pod'
        ? [detail.ready, detail.patroni?.role]
        : detail.type === 'Endpoints'
          ? detail.dcs.leader
          : '',
    ],
  );
  const { cluster } = world;
  return JSON.stringify([
    state,
    objects.sort(),
    cluster === null ? null : [cluster.deleting, cluster.finalizers, cluster.spec],
    world.asked.map(({ intent }) => intent.type),
    [facts.world.stale, facts.world.leaderSilentSince === null, facts.world.knowledge.type],
    Object.entries(memory.failures).map(([key, { waiting, needsRead, permanent }]) => [
      key,
      waiting,
      needsRead,
      permanent,
    ]),
    [
      Object.keys(memory.timers).filter((id) => id !== 'status' && !id.startsWith('loop/')),
      memory.expired,
      Object.keys(memory.handled),
    ],
    [memory.accepted?.spec, memory.accepted?.generation === cluster?.generation, memory.systemIdentifier === null],
    [memory.rolledOutGeneration === null, memory.failedGeneration === cluster?.generation, memory.retryCount > 0],
  ]);
}

interface Node {
  readonly world: SmallWorld;
  readonly way: readonly string[];
}

interface Explored {
  readonly nodes: readonly Node[];
  readonly taken: ReadonlySet<string>;
}

/** Goes on from the oldest world of each state in turn, so that no state is left for later. */
function explored(): Explored {
  const known = new Set<string>();
  const nodes: Node[] = [];
  const waiting = new Map<string, Node[]>();
  const taken = new Set<string>();
  function found(node: Node): void {
    for (const { moves } of node.world.decisions)
      for (const { from, signal, to } of moves) taken.add(`${from} -${signal}-> ${to}`);
    const key = keyOf(node.world);
    if (known.has(key)) return;
    known.add(key);
    nodes.push(node);
    const { state } = node.world.snapshot;
    waiting.set(state, [...(waiting.get(state) ?? []), node]);
  }
  found({ world: row(newWorld(twoMembers), start), way: [] });
  while (nodes.length < nodesMax) {
    const before = nodes.length;
    for (const queue of [...waiting.values()]) {
      const node = queue.shift();
      if (node === undefined) continue;
      for (const [name, happening] of Object.entries(happenings)) {
        const next = happening({ ...node.world, decisions: [] });
        if (next !== null) found({ world: next, way: [...node.way, name] });
      }
    }
    if (nodes.length === before && [...waiting.values()].every((queue) => queue.length === 0)) break;
  }
  return { nodes, taken };
}

/** States that nothing in this small world leads to, with the reason. To be taken off when something does. */
const procedures = 'the small world has no Patroni that restarts, verifies or switches over: the simulator leads here';
const unreached: Readonly<Record<string, string>> = {
  'Alive.Updating.growing': 'nobody edits the size in this small world: the simulator leads here',
  'Alive.Updating.restarting': procedures,
  'Alive.Updating.replacing': procedures,
  'Alive.Updating.switching': procedures,
  'Alive.Updating.rebuilding': procedures,
  'Alive.Scaling.handingOver': procedures,
  'Alive.Scaling.removing': 'it is further away than this many worlds',
};

const { nodes, taken } = explored();

function named(node: Node): string {
  return `${node.way.join(', ')} [${node.world.snapshot.state}]`;
}

const chosen = nodes.filter((node, index) => {
  const same = nodes.filter((each) => each.world.snapshot.state === node.world.snapshot.state);
  return same.indexOf(node) < ledToTheirEnd || index % oneIn === 0;
});

/** The world without its faults of today: sources are fresh, the leader is heard, the spec is the one of the beginning. */
function mended(world: SmallWorld): SmallWorld {
  let now = world;
  if (now.snapshot.facts.world.stale.length > 0) now = stale(now) ?? now;
  if (now.snapshot.facts.world.leaderSilentSince !== null) now = silence(now) ?? now;
  return edited(now, { version: '17', replicas: 2, paused: false, deletionProtection: false }) ?? now;
}

describe(`the machine in ${nodes.length} worlds`, () => {
  it('is in every state in some of them, but for those that are named', () => {
    const reached = new Set(nodes.map(({ world }) => world.snapshot.state));
    expect(states.filter((state) => !reached.has(state))).toEqual(Object.keys(unreached));
  });

  it('takes only arrows that the chart has', () => {
    expect([...taken].filter((arrow) => !arrows.includes(arrow))).toEqual([]);
  });

  it('comes to Running when the faults are over, or goes when it was deleted, and then is quiet', () => {
    for (const node of chosen) {
      const end = fair(mended(node.world), 40);
      const state = end.cluster === null ? 'gone' : end.snapshot.state;
      const wanted = node.world.cluster === null || node.world.cluster.deleting ? 'gone' : 'Alive.Running';
      expect(state, named(node)).toBe(wanted);
      expect(end.asked, named(node)).toEqual([]);
      // Of a cluster that is gone nothing is tried again, so nothing that failed is forgotten either.
      expect(end.cluster === null ? {} : end.snapshot.facts.memory.failures, named(node)).toEqual({});
      expect(fair(end, 5).seq - end.seq, `decisions at rest after ${named(node)}`).toBe(0);
    }
  });

  it('can be deleted in all of them, and leaves nothing but what is kept', () => {
    for (const node of chosen) {
      const { world } = node;
      const mend = mended(world);
      const end = fair(deletedByUser(mend) ?? mend, 40);
      expect(end.cluster, named(node)).toBeNull();
      if (world.cluster?.deleting === true || world.cluster === null) continue;
      const left = Object.values(end.objects).filter(
        (object) => object.kind !== 'Endpoints' && object.labels[labels.retained] !== 'true',
      );
      expect(
        left.map(({ kind, name }) => `${kind}/${name}`),
        named(node),
      ).toEqual([]);
    }
  });

  it('is in the same phase again after its journal was lost, once what it said is published', () => {
    for (const node of chosen) {
      const { world } = node;
      const phase = phaseOf(world.snapshot.state);
      if (world.cluster === null || phase === 'Deleting' || world.published?.phase !== phase) continue;
      if (world.snapshot.facts.world.knowledge.type === 'unknown') continue;
      expect(phaseOf(amnesiac(world).snapshot.state), named(node)).toBe(phase);
    }
  });
});
