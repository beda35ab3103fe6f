/**
 * Owns: two independent probes for two writable primaries: one from outside of all nodes, and one within each node's own
 * network that sees its pods also when it is cut off. Each tries a real write at each pod every 150 ms.
 */
import { insideNode } from '#test/cluster/network.ts';
import { environmentCluster, nodesOf } from '#test/cluster/options.ts';
import { startsOf, twoPrimaries, type Attempt } from '#test/support/day2/accounting.ts';
import { eventually, psql, statusOf, type World } from '../world.ts';
import { startChild, type Child } from './child.ts';
import { secretValue, type Subject } from './database.ts';
import type { PodRecord, PodSeen } from './pods.ts';
import type { FromProbe, ToProbe } from './probe-process.ts';

export interface Probes {
  readonly attempts: () => readonly Attempt[];
  /** Waits until a pod takes a write by each probe that sees it, sent after now. @returns its name */
  readonly primary: (timeoutMs?: number) => Promise<string>;
  /** Sentences about two writable primaries; empty when there never were. */
  readonly twoPrimaries: () => readonly string[];
  /** Starts of PostgreSQL per pod beyond the first seen. */
  readonly starts: () => Readonly<Record<string, number>>;
  /** Probes that connect from now on log in with this one. */
  readonly usePassword: (password: string) => void;
  readonly stop: () => Promise<void>;
}

const table =
  'CREATE TABLE IF NOT EXISTS day2_probe (probe text, pod text, writes bigint DEFAULT 1, PRIMARY KEY (probe, pod))';

type Probe = Child<ToProbe, FromProbe>;

interface Place {
  readonly name: string;
  readonly sees: (pod: PodSeen) => boolean;
  readonly probe: Probe;
}

function places(): readonly Place[] {
  const outside: Place = { name: 'outside', sees: () => true, probe: startChild('probe-process.ts') };
  const nodes = nodesOf(environmentCluster()).map((node): Place => ({
    name: node.name,
    sees: (pod) => pod.node === node.name,
    probe: startChild('probe-process.ts', insideNode(node, [])),
  }));
  return [outside, ...nodes];
}

/** Starts the probes; they follow the pods as `pods` sees them. */
export async function startProbes(world: World, subject: Subject, pods: PodRecord): Promise<Probes> {
  const attempts: Attempt[] = [];
  await eventually('the table of the probes', async () => {
    const { primaryPod } = await statusOf(world, subject.namespace, subject.name);
    await psql(world, subject.namespace, primaryPod, table);
    return true;
  });
  const password = await secretValue(world, subject, `${subject.name}-credentials-inforce`, 'POSTGRES_PASSWORD');
  const all = places();
  for (const { name, probe } of all) {
    probe.onMessage((message) => {
      if (message.type === 'attempts') attempts.push(...message.attempts);
    });
    probe.send({ type: 'start', config: { probe: name, user: 'postgres', password, everyMs: 150, answerMs: 3000 } });
  }
  pods.onChange((now) => {
    for (const { sees, probe } of all) {
      const seen = now.filter((pod) => sees(pod) && pod.address !== '');
      probe.send({ type: 'targets', targets: seen.map(({ name, address }) => ({ pod: name, host: address })) });
    }
  });
  return {
    attempts: () => attempts,
    primary: async (timeoutMs = 120_000) => {
      const since = attempts.length;
      return eventually(
        'both probes writing at the same pod',
        () => {
          const wrote = attempts.slice(since).filter(({ outcome }) => outcome === 'wrote');
          const pod = wrote.findLast(({ probe }) => probe === 'outside')?.pod;
          return Promise.resolve(
            pod !== undefined && wrote.some((each) => each.pod === pod && each.probe !== 'outside') ? pod : null,
          );
        },
        timeoutMs,
      );
    },
    twoPrimaries: () => twoPrimaries(attempts),
    starts: () => startsOf(attempts),
    usePassword: (next) => {
      for (const { probe } of all) probe.send({ type: 'password', password: next });
    },
    stop: async () => {
      for (const { probe } of all) probe.send({ type: 'stop' });
      await Promise.all(all.map(({ probe }) => probe.ended));
    },
  };
}
