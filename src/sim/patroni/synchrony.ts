/**
 * Owns: synchronous replication of one member: commits, which replicas they wait for, and what Patroni's `-sync` object says
 * of it.
 * I1. Who stands there was waited for before it was written, and is waited for until it is taken out: named last, unnamed first.
 * I2. Only who stands there, or led last, takes the key. I3. Who goes on purpose waits until another one is relied on.
 */
import type { Client } from '../controllers/client.ts';
import type { Schedule } from '../schedule.ts';
import { at, number, text, type Json } from '../json.ts';
import type { DataDirectory } from './data-directory.ts';
import { readConfig, write, type ScopeSettings } from './scope.ts';

/** Until PostgreSQL is looked at again after it was told whom to wait for. */
const lookMs = 2_000;
/** Longest that somebody who goes waits for the leader: two loops. */
const patienceMs = 20_000;
const rowBytes = 128;

/** A replica as its leader sees it. */
export interface Standby {
  readonly name: string;
  readonly directory: DataDirectory;
  /** The leader that it streams from; null when from none. */
  readonly streamsFrom: () => string | null;
  /** It is about to go: nobody relies on it for commits. */
  readonly isLeaving: () => boolean;
}

export interface SynchronyPorts {
  readonly client: Client;
  readonly settings: ScopeSettings;
  readonly schedule: Schedule;
  readonly podName: string;
  readonly directory: DataDirectory;
  readonly others: () => readonly Standby[];
  readonly isWritable: () => boolean;
  readonly isDead: () => boolean;
  /** Loop again in so long. */
  readonly again: (ms: number) => void;
  /** What stands on the pod may have changed. */
  readonly tell: () => void;
}

export interface SynchronousReplication {
  /** One row of a client. @returns false when none are taken; `told` is called once it is committed */
  readonly commit: (id: number, told: () => void) => boolean;
  /** Somebody streams who did not. */
  readonly settle: () => void;
  /** What a leader does of it in each loop. */
  readonly lead: () => void;
  /** Before a member that has the key takes writes; false when somebody else was faster. */
  readonly promote: () => boolean;
  /** Whether this one, or another, may take the key. */
  readonly mayLead: (name: string) => boolean;
  readonly isLeaving: () => boolean;
  /** Somebody is about to stop this PostgreSQL; `then` once it is not relied on any more. */
  readonly leave: (then: () => void) => void;
}

interface SyncKey {
  readonly object: Json | null;
  readonly leader: string;
  readonly standbys: readonly string[];
}

/** Names for which PostgreSQL waits, all of them; `*`: for anybody. */
type Names = readonly string[] | '*';

function isSame(one: Names, other: Names): boolean {
  return String(one) === String(other) && (one === '*') === (other === '*');
}

/** Nothing is confirmed yet. */
export function makeSynchrony(ports: SynchronyPorts): SynchronousReplication {
  const { client, settings, schedule, podName, directory } = ports;
  const name = `${settings.scope}-sync`;
  let names: Names = [];
  let isLeaving = false;
  let waiting: (() => void)[] = [];

  function read(): SyncKey {
    const object = client.get(settings.kind, settings.namespace, name);
    const { annotations } = at(object, 'metadata');
    const standbys = text(annotations, 'sync_standby').split(',');
    return { object, leader: text(annotations, 'leader'), standbys: standbys.filter((each) => each !== '') };
  }

  function put(leader: string | null, standbys: readonly string[]): boolean {
    const annotations = { leader, sync_standby: standbys.length === 0 ? null : standbys.join(',') };
    return write(client, settings, { name, live: read().object, annotations });
  }

  function wanted(): { readonly isOn: boolean; readonly isStrict: boolean; readonly count: number } {
    const { dynamic } = readConfig(client, settings);
    const isOn = dynamic['synchronous_mode'] === true;
    return {
      isOn,
      isStrict: isOn && dynamic['synchronous_mode_strict'] === true,
      count: number(dynamic, 1, 'synchronous_node_count'),
    };
  }

  function connected(): readonly Standby[] {
    return ports.others().filter((other) => other.streamsFrom() === podName);
  }

  /** Members that have to have all there is before a commit is told; null while one of them does not stream. */
  function awaited(): readonly Standby[] | null {
    const all = connected();
    if (names === '*') return all.length === 0 ? null : all.slice(0, 1);
    const found = names.flatMap((each) => all.filter((other) => other.name === each));
    return found.length === names.length ? found : null;
  }

  function deliver(standbys: readonly Standby[]): void {
    for (const { directory: theirs } of standbys) {
      theirs.position = directory.position;
      theirs.log = directory.log;
    }
  }

  function settle(): void {
    // Sessions of a PostgreSQL that ended never hear what became of their rows.
    if (!ports.isWritable()) waiting = [];
    const standbys = waiting.length === 0 ? null : awaited();
    if (standbys === null) return;
    deliver(standbys);
    const told = waiting;
    waiting = [];
    for (const each of told) each();
  }

  function wait(next: Names): void {
    if (isSame(names, next)) return;
    names = next;
    if (next !== '*' && next.length > 0) ports.again(lookMs);
    settle();
  }

  function choose(count: number, isStrict: boolean): void {
    const standing = read();
    if (standing.leader !== podName && !put(podName, [])) return;
    const { standbys } = read();
    const able = connected().filter((other) => !other.isLeaving());
    const ableNames = able.map((each) => each.name);
    const kept = standbys.filter((each) => ableNames.includes(each));
    const picked = [...kept, ...ableNames.filter((each) => !kept.includes(each))].slice(0, count);
    const confirming = picked.filter((each) => names !== '*' && names.includes(each));
    const common = standbys.filter((each) => confirming.includes(each));
    if (common.length < standbys.length && !put(podName, common)) return;
    wait(picked.length === 0 && isStrict ? '*' : picked);
    deliver(able.filter((each) => confirming.includes(each.name)));
    if (confirming.length > common.length) put(podName, confirming);
  }

  function leave(then: () => void): void {
    const isRelied = (): boolean => {
      const { standbys, leader } = read();
      return leader !== podName && wanted().isOn && standbys.includes(podName);
    };
    if (!isRelied()) return then();
    isLeaving = true;
    ports.tell();
    const sinceMs = schedule.elapsedMs();
    const look = (): void => {
      if (!ports.isDead() && isRelied() && schedule.elapsedMs() - sinceMs < patienceMs)
        return void schedule.after(lookMs, look);
      isLeaving = false;
      then();
    };
    schedule.after(lookMs, look);
  }

  return {
    commit: (id, told) => {
      if (!ports.isWritable()) return false;
      directory.log = { id, before: directory.log };
      directory.position += rowBytes;
      waiting.push(told);
      settle();
      return true;
    },
    settle,
    lead: () => {
      const { isOn, isStrict, count } = wanted();
      if (isOn) choose(count, isStrict);
      else {
        if (read().leader !== '') put(null, []);
        wait([]);
      }
      settle();
    },
    promote: () => {
      const { isOn, isStrict } = wanted();
      if (isOn && !put(podName, [])) return false;
      names = isStrict ? '*' : [];
      return true;
    },
    mayLead: (member) => {
      const { leader, standbys } = read();
      return !wanted().isOn || leader === '' || leader === member || standbys.includes(member);
    },
    isLeaving: () => isLeaving,
    leave,
  };
}
