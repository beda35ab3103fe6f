/**
 * Owns: synchronous replication of one member: commits, which replicas they wait for, and what Patroni's `-sync` object says
 * of it.
 * I1. Who stands there was waited for before it was written, and is waited for until it is taken out: named last, unnamed first.
 * I2. Only who stands there, or led last, takes the key. I3. Who goes on purpose waits until another one is relied on.
 */
import type { Client } from '../controllers/client.ts';
import type { Schedule } from '../schedule.ts';
import { at, number, text, type Json } from '../json.ts';
import { replay, type DataDirectory } from './data-directory.ts';
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
  /** Before a member that has the key takes writes; false when somebody else was faster, or its disk is too full for that. */
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

/** What the cluster's configuration asks for. */
interface Wanted {
  readonly isOn: boolean;
  /** Rather no commit than one that nobody else has. */
  readonly isStrict: boolean;
  readonly count: number;
}

function wanted({ client, settings }: SynchronyPorts): Wanted {
  const { dynamic } = readConfig(client, settings);
  const isOn = dynamic['synchronous_mode'] === true;
  return {
    isOn,
    isStrict: isOn && dynamic['synchronous_mode_strict'] === true,
    count: number(dynamic, 1, 'synchronous_node_count'),
  };
}

function syncObject({ scope }: ScopeSettings): string {
  return `${scope}-sync`;
}

function readSync({ client, settings }: SynchronyPorts): SyncKey {
  const object = client.get(settings.kind, settings.namespace, syncObject(settings));
  const { annotations } = at(object, 'metadata');
  const standbys = text(annotations, 'sync_standby').split(',');
  return { object, leader: text(annotations, 'leader'), standbys: standbys.filter((each) => each !== '') };
}

/** @returns false when somebody else was faster */
function writeSync(ports: SynchronyPorts, leader: string | null, standbys: readonly string[]): boolean {
  const { client, settings } = ports;
  const annotations = { leader, sync_standby: standbys.length === 0 ? null : standbys.join(',') };
  return write(client, settings, { name: syncObject(settings), live: readSync(ports).object, annotations });
}

class Synchrony implements SynchronousReplication {
  readonly #ports: SynchronyPorts;
  /** Whom PostgreSQL waits for. */
  #names: Names = [];
  /** Commits that nobody was told of yet. */
  #waiting: (() => void)[] = [];
  #isLeaving = false;

  constructor(ports: SynchronyPorts) {
    this.#ports = ports;
  }

  readonly commit = (id: number, told: () => void): boolean => {
    const { directory, isWritable } = this.#ports;
    if (!isWritable()) return false;
    directory.log = { id, before: directory.log };
    directory.position += rowBytes;
    this.#waiting.push(told);
    this.settle();
    return true;
  };

  readonly settle = (): void => {
    // Sessions of a PostgreSQL that ended never hear what became of their rows.
    if (!this.#ports.isWritable()) this.#waiting = [];
    const standbys = this.#waiting.length === 0 ? null : this.#awaited();
    if (standbys === null) return;
    this.#deliver(standbys);
    const told = this.#waiting;
    this.#waiting = [];
    for (const each of told) each();
  };

  readonly lead = (): void => {
    const { isOn, isStrict, count } = wanted(this.#ports);
    if (isOn) this.#choose(count, isStrict);
    else {
      if (readSync(this.#ports).leader !== '') writeSync(this.#ports, null, []);
      this.#waitFor([]);
    }
    this.settle();
  };

  readonly promote = (): boolean => {
    const { isOn, isStrict } = wanted(this.#ports);
    if (this.#ports.directory.room === 'little') return false;
    if (isOn && !writeSync(this.#ports, this.#ports.podName, [])) return false;
    this.#names = isStrict ? '*' : [];
    return true;
  };

  readonly mayLead = (member: string): boolean => {
    const { leader, standbys } = readSync(this.#ports);
    return !wanted(this.#ports).isOn || leader === '' || leader === member || standbys.includes(member);
  };

  readonly isLeaving = (): boolean => this.#isLeaving;

  readonly leave = (then: () => void): void => {
    const { schedule, isDead, tell } = this.#ports;
    if (!this.#isRelied()) return then();
    this.#isLeaving = true;
    tell();
    const sinceMs = schedule.elapsedMs();
    const look = (): void => {
      if (!isDead() && this.#isRelied() && schedule.elapsedMs() - sinceMs < patienceMs)
        return void schedule.after(lookMs, look);
      this.#isLeaving = false;
      then();
    };
    schedule.after(lookMs, look);
  };

  /** Whether somebody else's commits wait for this one. */
  #isRelied(): boolean {
    const { standbys, leader } = readSync(this.#ports);
    const { podName } = this.#ports;
    return leader !== podName && wanted(this.#ports).isOn && standbys.includes(podName);
  }

  #connected(): readonly Standby[] {
    return this.#ports.others().filter((other) => other.streamsFrom() === this.#ports.podName);
  }

  /** Members that have to have all there is before a commit is told; null while one of them does not stream. */
  #awaited(): readonly Standby[] | null {
    const all = this.#connected();
    const names = this.#names;
    if (names === '*') return all.length === 0 ? null : all.slice(0, 1);
    const found = names.flatMap((each) => all.filter((other) => other.name === each));
    return found.length === names.length ? found : null;
  }

  #deliver(standbys: readonly Standby[]): void {
    for (const { directory } of standbys) replay(this.#ports.directory, directory);
  }

  #waitFor(next: Names): void {
    if (isSame(this.#names, next)) return;
    this.#names = next;
    if (next !== '*' && next.length > 0) this.#ports.again(lookMs);
    this.settle();
  }

  /** One step towards `count` standbys that can be relied on; the next loop goes on (I1). */
  #choose(count: number, isStrict: boolean): void {
    const { podName } = this.#ports;
    if (readSync(this.#ports).leader !== podName && !writeSync(this.#ports, podName, [])) return;
    const { standbys } = readSync(this.#ports);
    const able = this.#connected().filter((other) => !other.isLeaving());
    const ableNames = able.map((each) => each.name);
    const kept = standbys.filter((each) => ableNames.includes(each));
    const picked = [...kept, ...ableNames.filter((each) => !kept.includes(each))].slice(0, count);
    const confirming = picked.filter((each) => this.#names !== '*' && this.#names.includes(each));
    const common = standbys.filter((each) => confirming.includes(each));
    if (common.length < standbys.length && !writeSync(this.#ports, podName, common)) return;
    this.#waitFor(picked.length === 0 && isStrict ? '*' : picked);
    this.#deliver(able.filter((each) => confirming.includes(each.name)));
    if (confirming.length > common.length) writeSync(this.#ports, podName, confirming);
  }
}

/** Nothing is confirmed yet. */
export function makeSynchrony(ports: SynchronyPorts): SynchronousReplication {
  return new Synchrony(ports);
}
