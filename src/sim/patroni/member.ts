/**
 * Owns: one member of a Patroni scope: a loop that takes, keeps, loses or follows the leader key, and a PostgreSQL that is
 * writable only while the key is held.
 * I1. The key changes hands by compare-and-set alone. I2. Who could not renew for its retry time demotes before the key
 *     expires. I3. Only a member as far as every other one that can be asked takes over; each take-over begins a timeline.
 */
import type { ArmedTick } from '#src/ports.ts';
import { text, type Json } from '../json.ts';
import type { Client, Habitat } from '../controllers/client.ts';
import { accepts, copy, initialize, replicationRole, type DataDirectory, type Passwords } from './data-directory.ts';
import { requested } from './failover.ts';
import { makeParameters } from './parameters.ts';
import { report, reportDown } from './report.ts';
import { makeLeaderKey, ttlMs } from './leader-key.ts';
import { readConfig, readLeader, write, type LeaderKey, type ScopeSettings } from './scope.ts';
import { makeSynchrony, type Standby, type SynchronousReplication } from './synchrony.ts';

const loopMs = 10_000;
/** Two loops without a renewal: below the time to live, as Patroni's retry_timeout sees to. */
const demoteAfterMs = 20_000;
/** WAL written between two loops, by the checkpointer if nobody else. */
const idleWalBytes = 56;

/** What a member does because somebody asked for it. */
export type Deed = 'restart' | 'pending restart' | 'reinit' | 'switchover';

export type Role = 'primary' | 'replica';

export interface Member extends Standby, Pick<SynchronousReplication, 'commit' | 'settle' | 'leave'> {
  /** Whether PostgreSQL answers; readiness follows it. */
  readonly isUp: () => boolean;
  /** Whether PostgreSQL takes writes. */
  readonly isWritable: () => boolean;
  /** What its container was started with. */
  readonly passwords: Passwords;
  /** PostgreSQL ends by itself; Patroni lives and starts it again, if it can. */
  readonly panic: () => void;
  /** Something changed: loop now. */
  readonly wake: () => void;
  /** PostgreSQL starts anew; if only a pending restart counts, not without one. */
  readonly restart: (onlyPending: boolean) => void;
  /** A replica throws its data away and copies the leader's. */
  readonly reinitialize: () => void;
  /** Since when PostgreSQL runs; another text after each start. */
  readonly startedAt: () => string;
  /** Lines of name, blank, value, as psql prints them. */
  readonly shownSettings: (names: readonly string[]) => string;
  /** SIGKILL: nothing is given back. */
  readonly kill: () => void;
  /** SIGTERM: a leader gives its key back. */
  readonly stop: () => void;
}

export interface MemberPorts {
  readonly habitat: Habitat;
  readonly client: Client;
  readonly settings: ScopeSettings;
  readonly podName: string;
  readonly podUid: string;
  readonly volumeUid: string;
  readonly directory: DataDirectory;
  readonly passwords: Passwords;
  /** Whether the member's node reaches the API server. */
  readonly reachesApi: () => boolean;
  /** The other members of the scope that answer on the network. */
  readonly others: () => readonly Member[];
  readonly onRole: () => void;
  readonly onDeed: (deed: Deed) => void;
}

interface State {
  role: Role | null;
  busy: boolean;
  dead: boolean;
  renewedMs: number;
  /** The foreign key as it was last seen to change. */
  seen: { readonly version: string; readonly sinceMs: number } | null;
  tick: ArmedTick | null;
  woken: boolean;
  /** This loop is one that it was woken for. */
  isEarly: boolean;
  /** PostgreSQL could not be started in the last loop. */
  hasFailed: boolean;
  /** It runs with parameters that it read once. */
  started: boolean;
  startedAt: string;
  /** The leader that a replica has a connection to; null while it has none. */
  streamsFrom: string | null;
  /** Which life of whom that is: a connection that stands is not asked for its password again. */
  stream: string | null;
}

/** Starts a member. Its pod runs already. */
export function startMember(ports: MemberPorts): Member {
  const { habitat, client, settings, directory, podName } = ports;
  const { schedule, chance, nowMs } = habitat;
  const state: State = {
    role: null,
    busy: false,
    dead: false,
    renewedMs: 0,
    seen: null,
    tick: null,
    woken: false,
    isEarly: false,
    hasFailed: false,
    started: false,
    startedAt: '',
    streamsFrom: null,
    stream: null,
  };
  const parameters = makeParameters(String(settings.major));
  const isoNow = (): string => new Date(nowMs()).toISOString();

  function become(role: Role | null): void {
    if (state.role === role) return;
    state.role = role;
    if (role !== 'replica') [state.streamsFrom, state.stream] = [null, null];
    synchrony.settle();
    ports.onRole();
  }

  function again(ms: number): void {
    state.tick?.cancel();
    if (!state.dead) state.tick = schedule.after(ms, loop);
  }

  const isWritable = (): boolean => !state.dead && state.role === 'primary';
  const synchrony = makeSynchrony({
    client,
    settings,
    schedule,
    podName,
    directory,
    others: ports.others,
    isWritable,
    isDead: () => state.dead,
    again,
    tell,
  });

  function pod(): Json | null {
    const object = client.get('Pod', settings.namespace, podName);
    return object !== null && text(object, 'metadata', 'uid') === ports.podUid ? object : null;
  }

  const leaderKey = makeLeaderKey({ client, settings, podName, directory, pod, isoNow });

  /** Work that takes time, such as a base backup; loops rest meanwhile. */
  function takes(least: number, most: number, then: () => void): void {
    state.busy = true;
    schedule.after(chance.between(least, most), () => {
      state.busy = false;
      if (state.dead) return;
      then();
      loop();
    });
  }

  function bootstrap(): void {
    const config = readConfig(client, settings);
    if (config.initialize !== null) return;
    const name = `${settings.scope}-config`;
    if (!write(client, settings, { name, live: config.object, annotations: { initialize: '' } })) return;
    takes(2000, 8000, () => {
      initialize(directory, ports.volumeUid, ports.passwords);
      const { object } = readConfig(client, settings);
      const annotations = { initialize: directory.systemIdentifier, config: JSON.stringify(settings.bootstrap) };
      write(client, settings, { name, live: object, annotations });
    });
  }

  /** Whether the leader's PostgreSQL takes the password that this container was started with. */
  function isLetIn(leader: Member): boolean {
    return accepts(leader.directory, replicationRole, ports.passwords.replication);
  }

  function cloneFrom(holder: string): void {
    const leader = ports.others().find((other) => other.name === holder && other.isWritable());
    if (leader === undefined || !isLetIn(leader)) return;
    takes(2000, 12_000, () => {
      if (leader.isWritable()) copy(leader.directory, directory);
    });
  }

  /** A healthy candidate gets all WAL, and the key is given up for it; any other request is dropped. */
  function handedOver(key: LeaderKey): boolean {
    const request = requested(client, settings);
    if (request === null) return false;
    const candidate = ports.others().find(({ name }) => name === request.candidate);
    const isMine = request.leader === '' || request.leader === podName;
    const isFit = candidate?.isUp() === true && !candidate.directory.isFull && synchrony.mayLead(candidate.name);
    if (!isMine || candidate === undefined || !isFit) {
      request.clear();
      return false;
    }
    if (!leaderKey.give(key)) return false;
    copy(directory, candidate.directory);
    ports.onDeed('switchover');
    become('replica');
    return true;
  }

  function renew(key: LeaderKey): void {
    if (handedOver(key)) return;
    directory.position += idleWalBytes;
    if (!leaderKey.take(key, true)) return;
    state.renewedMs = schedule.elapsedMs();
    if (state.role !== 'primary' && !synchrony.promote()) return;
    become('primary');
    // What others are told at once this one sees to in a loop of its own.
    if (!state.isEarly) synchrony.lead();
  }

  function follow(holder: string): void {
    const leader = ports.others().find((other) => other.name === holder);
    become('replica');
    if (leader === undefined || !leader.isWritable()) return;
    const life = `${holder} ${leader.startedAt()} ${state.startedAt}`;
    if (state.stream !== life && !isLetIn(leader)) {
      [state.streamsFrom, state.stream] = [null, null];
      return;
    }
    state.stream = life;
    const isNew = state.streamsFrom !== holder;
    if (directory.timeline < leader.directory.timeline || directory.position <= leader.directory.position)
      copy(leader.directory, directory);
    state.streamsFrom = holder;
    if (isNew) leader.settle();
  }

  function isExpired(key: LeaderKey): boolean {
    if (key.holder === '') return true;
    if (state.seen === null || state.seen.version !== key.version)
      state.seen = { version: key.version, sinceMs: schedule.elapsedMs() };
    return schedule.elapsedMs() - state.seen.sinceMs >= ttlMs;
  }

  function race(key: LeaderKey): void {
    const rivals = ports.others().filter((other) => synchrony.mayLead(other.name));
    const ahead = rivals.some(
      ({ directory: other }) => other.systemIdentifier !== null && !other.isFull && other.position > directory.position,
    );
    const request = requested(client, settings);
    const favoured = ports.others().some((other) => other.name === request?.candidate && other.isUp());
    if (ahead || favoured || !synchrony.mayLead(podName)) return become('replica');
    const config = readConfig(client, settings);
    if (config.dynamic['pause'] === true) return become('replica');
    const name = `${settings.scope}-config`;
    if (!leaderKey.take(key, false) || !synchrony.promote()) return;
    request?.clear();
    state.renewedMs = schedule.elapsedMs();
    const isFirst = text(key.object, 'metadata', 'annotations', 'acquireTime') === '';
    if (!isFirst || config.history.length > 0) {
      const history = [
        ...config.history,
        [directory.timeline, directory.position, 'no recovery target', isoNow(), podName],
      ];
      directory.timeline += 1;
      write(client, settings, {
        name,
        live: readConfig(client, settings).object,
        annotations: { history: JSON.stringify(history) },
      });
    }
    become('primary');
  }

  function haLoop(): void {
    const key = readLeader(client, settings);
    if (directory.systemIdentifier === null) {
      if (key.holder === '') bootstrap();
      else cloneFrom(key.holder);
      return;
    }
    const { initialize: stated, object } = readConfig(client, settings);
    if (stated !== null && stated !== '' && stated !== directory.systemIdentifier) return become(null);
    if (stated === null || stated === '') {
      const name = `${settings.scope}-config`;
      write(client, settings, { name, live: object, annotations: { initialize: directory.systemIdentifier } });
    }
    if (key.holder === podName) renew(key);
    else if (isExpired(key)) race(key);
    else follow(key.holder);
  }

  /** Follows the configuration; false while PostgreSQL cannot start with it. */
  function configured(): boolean {
    const { dynamic } = readConfig(client, settings);
    if (state.started) parameters.reload(dynamic);
    else {
      state.started = parameters.start(dynamic);
      state.startedAt = String(nowMs() / 1000);
    }
    return state.started;
  }

  function reinitialize(): void {
    if (state.busy || state.role === 'primary' || synchrony.isLeaving()) return;
    ports.onDeed('reinit');
    synchrony.leave(emptied);
  }

  function emptied(): void {
    if (state.dead || state.role === 'primary') return;
    state.started = false;
    directory.systemIdentifier = null;
    become(null);
    reportDown(client, settings, pod(), 'creating replica');
    loop();
  }

  function restart(onlyPending: boolean): void {
    if (state.busy || state.role === null || (onlyPending && !parameters.isRestartPending())) return;
    if (synchrony.isLeaving()) return;
    if (!onlyPending) ports.onDeed('restart');
    synchrony.leave(() => {
      if (state.dead || state.busy || state.role === null) return;
      const { role } = state;
      state.started = false;
      become(null);
      takes(500, 2500, () => {
        if (!configured()) return;
        become(role);
        if (onlyPending) ports.onDeed('pending restart');
      });
    });
  }

  /** PostgreSQL has ended and does not start: who led tries once, then gives its key back. */
  function failToStart(): void {
    const key = readLeader(client, settings);
    if (key.holder === podName && state.hasFailed) leaderKey.give(key);
    state.hasFailed = true;
    reportDown(client, settings, pod(), 'start failed');
  }

  function tell(): void {
    if (state.role === null) return;
    const isRestartPending = parameters.isRestartPending();
    const isStreaming = state.streamsFrom !== null;
    const isLeaving = synchrony.isLeaving();
    const account = { leads: state.role === 'primary', directory, isStreaming, isRestartPending, isLeaving };
    report(client, settings, pod(), account);
  }

  function loop(): void {
    state.isEarly = state.woken;
    state.woken = false;
    again(loopMs);
    if (state.dead) return;
    if (state.busy) return;
    if (!ports.reachesApi()) {
      if (state.role === 'primary' && schedule.elapsedMs() - state.renewedMs >= demoteAfterMs) become('replica');
      return;
    }
    if (directory.isFull) return failToStart();
    if (directory.systemIdentifier !== null && !configured()) return failToStart();
    state.hasFailed = false;
    haLoop();
    tell();
    return undefined;
  }

  state.tick = schedule.after(chance.between(300, 1500), loop);
  return {
    name: podName,
    directory,
    passwords: ports.passwords,
    isUp: () => !state.dead && state.role !== null,
    isWritable,
    commit: synchrony.commit,
    settle: synchrony.settle,
    streamsFrom: () => (state.dead ? null : state.streamsFrom),
    isLeaving: synchrony.isLeaving,
    leave: synchrony.leave,
    panic: () => become(null),
    restart,
    reinitialize,
    startedAt: () => state.startedAt,
    shownSettings: parameters.shown,
    wake: () => {
      if (state.dead || state.woken) return;
      state.woken = true;
      again(chance.between(20, 200));
    },
    kill: () => {
      state.dead = true;
      state.tick?.cancel();
      ports.onRole();
    },
    stop: () => {
      state.dead = true;
      state.tick?.cancel();
      const key = readLeader(client, settings);
      if (key.holder === podName && ports.reachesApi()) leaderKey.give(key);
      ports.onRole();
    },
  };
}
