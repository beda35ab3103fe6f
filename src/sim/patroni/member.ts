/**
 * Owns: one member of a Patroni scope: a loop that takes, keeps, loses or follows the leader key, and a PostgreSQL that is
 * writable only while the key is held.
 * I1. The key changes hands by compare-and-set alone. I2. Who could not renew for its retry time demotes before the key
 *     expires. I3. Only a member as far as every other one that can be asked takes over; each take-over begins a timeline.
 */
import type { ArmedTick } from '#src/ports.ts';
import { text, type Json } from '../json.ts';
import { copy, initialize, type DataDirectory, type Passwords } from './data-directory.ts';
import { requested } from './failover.ts';
import type { Member, MemberPorts } from './member-ports.ts';
import { Postgres } from './postgres.ts';
import { makeLeaderKey, ttlMs, type KeyHandling } from './leader-key.ts';
import { readConfig, readLeader, write, type LeaderKey, type ScopeConfig } from './scope.ts';
import { makeShown, type Shown } from './shown.ts';
import { makeSynchrony, type SynchronousReplication } from './synchrony.ts';

const loopMs = 10_000;
/** Two loops without a renewal: below the time to live, as Patroni's retry_timeout sees to. */
const demoteAfterMs = 20_000;
/** WAL written between two loops, by the checkpointer if nobody else. */
const idleWalBytes = 56;

class PatroniMember implements Member {
  readonly name: string;
  readonly directory: DataDirectory;
  readonly passwords: Passwords;
  readonly #ports: MemberPorts;
  readonly #postgres: Postgres;
  readonly #synchrony: SynchronousReplication;
  readonly #leaderKey: KeyHandling;
  readonly #shown: Shown;
  readonly #elapsedMs: () => number;
  readonly #isoNow: () => string;
  #isDead = false;
  /** Something takes its time; loops rest meanwhile. */
  #isBusy = false;
  /** When the key was taken or renewed last. */
  #renewedMs = 0;
  /** The foreign key as it was last seen to change. */
  #seen: { readonly version: string; readonly sinceMs: number } | null = null;
  /** The next loop. */
  #tick: ArmedTick | null = null;
  #isWoken = false;
  /** This loop is one that it was woken for. */
  #isEarly = false;
  /** PostgreSQL could not be started in the last loop. */
  #hasFailed = false;

  constructor(ports: MemberPorts) {
    const { habitat, client, settings, directory, passwords, podName } = ports;
    const { schedule, nowMs, chance } = habitat;
    this.name = podName;
    this.directory = directory;
    this.passwords = passwords;
    this.#ports = ports;
    this.#elapsedMs = schedule.elapsedMs;
    this.#isoNow = () => new Date(nowMs()).toISOString();
    const onRole = (): void => {
      this.#synchrony.settle();
      ports.onRole();
    };
    this.#postgres = new Postgres({ major: settings.major, directory, passwords, nowMs, onRole });
    this.#synchrony = makeSynchrony({
      client,
      settings,
      schedule,
      podName,
      directory,
      others: ports.others,
      isWritable: this.isWritable,
      isDead: () => this.#isDead,
      again: (ms) => this.#again(ms),
      tell: () => this.#shown.tell(),
    });
    const pod = (): Json | null => {
      const object = client.get('Pod', settings.namespace, podName);
      return object !== null && text(object, 'metadata', 'uid') === ports.podUid ? object : null;
    };
    this.#shown = makeShown({
      client,
      settings,
      directory,
      postgres: this.#postgres,
      pod,
      holdsKey: () => this.#readKey().holder === this.name,
      isLeaving: this.isLeaving,
      reachesApi: ports.reachesApi,
    });
    this.#leaderKey = makeLeaderKey({ client, settings, podName, directory, pod, isoNow: this.#isoNow });
    schedule.after(chance.between(50, 250), () => {
      if (!this.#isDead) this.#shown.show('stopped');
    });
    this.#tick = schedule.after(chance.between(300, 1500), () => this.#loop());
  }

  readonly isUp = (): boolean => !this.#isDead && this.#postgres.role !== null;

  readonly isWritable = (): boolean => !this.#isDead && this.#postgres.role === 'primary';

  readonly streamsFrom = (): string | null => (this.#isDead ? null : this.#postgres.streamsFrom);

  readonly startedAt = (): string => this.#postgres.startedAt;

  readonly shownSettings = (names: readonly string[]): string => this.#postgres.shownSettings(names);

  readonly commit = (id: number, told: () => void): boolean => this.#synchrony.commit(id, told);

  readonly settle = (): void => this.#synchrony.settle();

  readonly isLeaving = (): boolean => this.#synchrony.isLeaving();

  readonly leave = (then: () => void): void => this.#synchrony.leave(then);

  readonly panic = (): void => {
    const { role } = this.#postgres;
    this.#postgres.become(null);
    if (role !== null && !this.#isDead) this.#shown.show('crashed', role);
  };

  readonly wake = (): void => {
    if (this.#isDead || this.#isWoken) return;
    this.#isWoken = true;
    this.#again(this.#ports.habitat.chance.between(20, 200));
  };

  readonly restart = (onlyPending: boolean): void => {
    const { onDeed } = this.#ports;
    if (this.#isBusy || this.#postgres.role === null || this.#synchrony.isLeaving()) return;
    if (onlyPending && !this.#postgres.isRestartPending) return;
    if (!onlyPending) onDeed('restart');
    this.#synchrony.leave(() => {
      const { role } = this.#postgres;
      if (this.#isDead || this.#isBusy || role === null) return;
      this.#postgres.end();
      this.#shown.show(role === 'primary' ? 'starting' : 'stopped', role);
      this.#takes(500, 2500, () => {
        if (!this.#configured()) return;
        if (role === 'replica') this.#runAsReplica();
        else this.#postgres.become(role);
        if (onlyPending) onDeed('pending restart');
      });
    });
  };

  readonly reinitialize = (): void => {
    if (this.#isBusy || this.#postgres.role === 'primary' || this.#synchrony.isLeaving()) return;
    this.#ports.onDeed('reinit');
    this.#synchrony.leave(() => {
      if (this.#isDead || this.#postgres.role === 'primary') return;
      this.#shown.show('stopping', 'replica');
      this.directory.systemIdentifier = null;
      this.#postgres.end();
      this.#loop();
    });
  };

  readonly kill = (): void => {
    this.#isDead = true;
    this.#tick?.cancel();
    this.#ports.onRole();
  };

  readonly stop = (): void => {
    this.#isDead = true;
    this.#tick?.cancel();
    if (this.#ports.reachesApi()) {
      const key = this.#readKey();
      if (key.holder === this.name) this.#leaderKey.give(key);
      if (this.#postgres.role !== null) this.#shown.show('stopped', this.#postgres.role);
    }
    this.#ports.onRole();
  };

  #again(ms: number): void {
    this.#tick?.cancel();
    if (!this.#isDead) this.#tick = this.#ports.habitat.schedule.after(ms, () => this.#loop());
  }

  #loop(): void {
    this.#isEarly = this.#isWoken;
    this.#isWoken = false;
    this.#again(loopMs);
    if (this.#isDead || this.#isBusy) return;
    if (!this.#ports.reachesApi()) return this.#demoteInTime();
    if (this.directory.room === 'none') return this.#failToStart();
    if (this.directory.systemIdentifier !== null && !this.#configured()) return this.#failToStart();
    this.#hasFailed = false;
    this.#decide();
    this.#shown.tell();
  }

  /** Whoever cannot renew its key is a replica before another one may be a primary. */
  #demoteInTime(): void {
    const sinceMs = this.#elapsedMs() - this.#renewedMs;
    if (this.#postgres.role === 'primary' && sinceMs >= demoteAfterMs) this.#postgres.become('replica');
  }

  /** PostgreSQL has ended and does not start: who led tries once, then gives its key back. */
  #failToStart(): void {
    const key = this.#readKey();
    const last = this.#shown.last();
    const isFirst = key.holder === this.name && !this.#hasFailed;
    this.#hasFailed = true;
    if (isFirst && last === 'crashed') return;
    if (isFirst) return this.#shown.show('start failed', 'primary');
    if (key.holder === this.name) this.#leaderKey.give(key);
    const isTriedAgain = ['start failed', 'crashed'].includes(last) && !this.#shown.isCrashedPrimary();
    if (!isTriedAgain) return this.#shown.show('start failed');
    // It is tried as a replica with every loop, for ever.
    this.directory.hasLed = false;
    this.#shown.show('starting', 'replica');
    const { schedule, chance } = this.#ports.habitat;
    schedule.after(chance.between(500, 2500), () => {
      if (!this.#isDead && this.#shown.last() === 'starting' && this.#postgres.role === null)
        this.#shown.show('start failed');
    });
    return undefined;
  }

  /** What a loop does of the leader key, with data or without. */
  #decide(): void {
    const key = this.#readKey();
    const { systemIdentifier } = this.directory;
    if (systemIdentifier === null) {
      if (key.holder === '') this.#bootstrap();
      else this.#cloneFrom(key.holder);
      return;
    }
    const { initialize: stated, object } = this.#readConfig();
    const isStated = stated !== null && stated !== '';
    if (isStated && stated !== systemIdentifier) return this.#postgres.become(null);
    if (!isStated) this.#writeConfig(object, { initialize: systemIdentifier });
    if (key.holder === this.name) this.#renew(key);
    else if (this.#isExpired(key)) this.#race(key);
    else {
      this.#runAsReplica();
      this.#postgres.follow(this.#other(key.holder));
    }
  }

  #bootstrap(): void {
    const { settings, volumeUid, passwords } = this.#ports;
    const { initialize: begun, object } = this.#readConfig();
    if (begun !== null || !this.#writeConfig(object, { initialize: '' })) return;
    this.#shown.show('initializing new cluster');
    this.#takes(2000, 8000, () => {
      initialize(this.directory, volumeUid, passwords);
      const config = JSON.stringify(settings.bootstrap);
      this.#writeConfig(this.#readConfig().object, { initialize: this.directory.systemIdentifier, config });
      this.#shown.show('running', 'primary');
    });
  }

  #cloneFrom(holder: string): void {
    const leader = this.#other(holder);
    if (leader === undefined || !leader.isWritable() || !this.#postgres.isLetIn(leader)) return;
    this.#shown.show('creating replica');
    this.#takes(2000, 12_000, () => {
      if (leader.isWritable()) copy(leader.directory, this.directory);
    });
  }

  #renew(key: LeaderKey): void {
    if (this.#handedOver(key)) return;
    this.directory.position += idleWalBytes;
    if (!this.#leaderKey.take(key, true)) return;
    this.#renewedMs = this.#elapsedMs();
    if (this.#postgres.role !== 'primary' && !this.#synchrony.promote()) return this.#failToPromote();
    this.#promote();
    // What others are told at once this one sees to in a loop of its own.
    if (!this.#isEarly) this.#synchrony.lead();
  }

  /** A healthy candidate gets all WAL, and the key is given up for it; any other request is dropped. */
  #handedOver(key: LeaderKey): boolean {
    const request = requested(this.#ports.client, this.#ports.settings);
    if (request === null) return false;
    const candidate = this.#other(request.candidate);
    const isMine = request.leader === '' || request.leader === this.name;
    const isFit =
      candidate?.isUp() === true && candidate.directory.room !== 'none' && this.#synchrony.mayLead(candidate.name);
    if (!isMine || candidate === undefined || !isFit) {
      request.clear();
      return false;
    }
    if (!this.#leaderKey.give(key)) return false;
    copy(this.directory, candidate.directory);
    this.#ports.onDeed('switchover');
    this.#postgres.become('replica');
    return true;
  }

  #isExpired(key: LeaderKey): boolean {
    if (key.holder === '') return true;
    if (this.#seen === null || this.#seen.version !== key.version)
      this.#seen = { version: key.version, sinceMs: this.#elapsedMs() };
    return this.#elapsedMs() - this.#seen.sinceMs >= ttlMs;
  }

  #race(key: LeaderKey): void {
    const request = requested(this.#ports.client, this.#ports.settings);
    const favoured = this.#ports.others().some((other) => other.name === request?.candidate && other.isUp());
    if (favoured || this.#isBehind() || !this.#synchrony.mayLead(this.name)) return this.#runAsReplica();
    const config = this.#readConfig();
    if (config.dynamic['pause'] === true) return this.#runAsReplica();
    if (!this.#leaderKey.take(key, false) || !this.#synchrony.promote()) return;
    request?.clear();
    this.#renewedMs = this.#elapsedMs();
    const isFirst = text(key.object, 'metadata', 'annotations', 'acquireTime') === '' && config.history.length === 0;
    if (!isFirst) this.#beginTimeline(config.history);
    this.#promote();
  }

  /** PostgreSQL runs as a replica; where it did not, it is seen to start. */
  #runAsReplica(): void {
    if (this.#postgres.role === null) this.#shown.show('starting', 'replica');
    this.#postgres.become('replica');
  }

  /** It holds the key: a primary that crashed starts again; any other member is a replica first, and is seen to be promoted. */
  #promote(): void {
    const { role } = this.#postgres;
    if (role === 'primary') return;
    const isNew = role === null && ['initializing new cluster', 'running'].includes(this.#shown.last());
    if (this.#shown.isCrashedPrimary()) this.#shown.show('starting', 'primary');
    else if (!isNew) {
      this.#runAsReplica();
      this.#shown.tell();
      this.#shown.show('running', 'promoted');
    }
    this.#postgres.become('primary');
  }

  /** It holds the key and cannot write what a promotion has to: it runs as a replica. */
  #failToPromote(): void {
    if (!this.#shown.isCrashedPrimary()) return this.#runAsReplica();
    this.#shown.show('starting', 'primary');
    this.#shown.show('start failed', 'primary');
    return this.#postgres.become('replica');
  }

  /** Whether another one that may lead has more WAL. */
  #isBehind(): boolean {
    return this.#ports
      .others()
      .filter((other) => this.#synchrony.mayLead(other.name))
      .some(
        ({ directory: { systemIdentifier, room, position } }) =>
          systemIdentifier !== null && room !== 'none' && position > this.directory.position,
      );
  }

  #beginTimeline(history: readonly unknown[]): void {
    const { timeline, position } = this.directory;
    const next = [...history, [timeline, position, 'no recovery target', this.#isoNow(), this.name]];
    this.directory.timeline += 1;
    this.#writeConfig(this.#readConfig().object, { history: JSON.stringify(next) });
  }

  /** Work that takes time, such as a base backup; loops rest meanwhile. */
  #takes(least: number, most: number, then: () => void): void {
    const { schedule, chance } = this.#ports.habitat;
    this.#isBusy = true;
    schedule.after(chance.between(least, most), () => {
      this.#isBusy = false;
      if (this.#isDead) return;
      then();
      this.#loop();
    });
  }

  #configured(): boolean {
    return this.#postgres.configure(this.#readConfig().dynamic);
  }

  #other(name: string): Member | undefined {
    return this.#ports.others().find((other) => other.name === name);
  }

  #readKey(): LeaderKey {
    return readLeader(this.#ports.client, this.#ports.settings);
  }

  #readConfig(): ScopeConfig {
    return readConfig(this.#ports.client, this.#ports.settings);
  }

  /** @returns false when somebody was faster since `live` was read */
  #writeConfig(live: Json | null, annotations: Json): boolean {
    const { client, settings } = this.#ports;
    return write(client, settings, { name: `${settings.scope}-config`, live, annotations });
  }
}

/** Starts a member. Its pod runs already. */
export function startMember(ports: MemberPorts): Member {
  return new PatroniMember(ports);
}
