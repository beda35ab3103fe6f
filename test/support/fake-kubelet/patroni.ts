/**
 * Owns: what Patroni's members would write, as a pure function of one scope: who leads, on which timeline, what each member
 * reports. Written after `patroni.md` §2, for the control plane's tests; real Patroni is what the e2e tests run.
 */

/** One pod of a scope, as the kubelet knows it. */
export interface Member {
  readonly name: string;
  readonly ip: string;
  /** Container up, PostgreSQL reachable. */
  readonly alive: boolean;
}

/** What the scope's own objects say. */
export interface ScopeState {
  readonly leader: string | null;
  /** Text of the digits; null before the first bootstrap. */
  readonly systemIdentifier: string | null;
  readonly timeline: number;
}

export interface Traits {
  /** PostgreSQL's major; decides which Patroni speaks: 3.0 for 15, 4.0 for later ones. */
  readonly major: number;
  readonly leaderLabel: string;
}

export interface MemberReport {
  readonly name: string;
  readonly role: string;
  /** The pod annotation `status`. */
  readonly status: string;
}

export interface Round {
  readonly state: ScopeState;
  readonly members: readonly MemberReport[];
}

const positionBytes = 50_331_648;

function ordinal(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}

/**
 * The leader stays while it lives and is not asked to hand over; else the candidate, or the living member of the lowest
 * ordinal, is promoted to a new timeline.
 */
function elect(state: ScopeState, living: readonly Member[], candidate: string | null): ScopeState {
  if (candidate !== null && candidate !== state.leader && living.some(({ name }) => name === candidate))
    return { ...state, leader: candidate, timeline: state.timeline + 1 };
  if (living.some(({ name }) => name === state.leader)) return state;
  const first = living.toSorted((one, other) => ordinal(one.name) - ordinal(other.name))[0];
  if (first === undefined) return { ...state, leader: null };
  const promoted = state.leader !== null && state.leader !== first.name;
  return { ...state, leader: first.name, timeline: promoted ? state.timeline + 1 : state.timeline };
}

function report(member: Member, state: ScopeState, traits: Traits): MemberReport {
  const leads = member.name === state.leader;
  const since4 = traits.major > 15;
  const leaderWord = since4 ? 'primary' : 'master';
  return {
    name: member.name,
    role: leads ? traits.leaderLabel : 'replica',
    status: JSON.stringify({
      conn_url: `postgres://${member.ip}:5432/postgres`,
      api_url: `http://${member.ip}:8008/patroni`,
      state: 'running',
      role: leads ? leaderWord : 'replica',
      version: since4 ? '4.0.4' : '3.0.2',
      xlog_location: positionBytes,
      timeline: state.timeline,
      ...(since4 && !leads ? { replication_state: 'streaming' } : {}),
    }),
  };
}

/** One loop of all members of a scope. A member that is not alive reports nothing; its last words stay. */
export function round(
  before: ScopeState,
  members: readonly Member[],
  traits: Traits,
  candidate: string | null = null,
): Round {
  const living = members.filter(({ alive }) => alive);
  const state = elect(before, living, candidate);
  return { state, members: living.map((member) => report(member, state, traits)) };
}
