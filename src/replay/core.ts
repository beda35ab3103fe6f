/** Owns: the one core of this build: its decide over its builders, and its codec. Operator, CLI and tests use the same. */
import { adopt } from '#machines/cluster/history.ts';
import { upcast } from '#machines/cluster/upcasters.ts';
import { decodeBody, decodeTold, encodeBody } from '#src/decision/codec.ts';
import { assess, initialSnapshot, makeDecide } from '#src/decision/decide.ts';
import { makeBuilders } from '#src/resources/plan.ts';
import type { Core } from './redecide.ts';

/** The core of this build. Pure; several are as good as one, but each has memories of its own to warm. */
export function makeCore(): Core {
  const builders = makeBuilders();
  return {
    decide: makeDecide(builders),
    initialSnapshot,
    encodeBody,
    decodeBody,
    decodeTold,
    assess: (snapshot) => assess(snapshot, builders),
    adopt: (snapshot) => adopt(snapshot),
    upcast: (version, observation) => upcast(version, observation),
  };
}
