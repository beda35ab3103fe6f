/** Owns: what a guard may look at: never the observation, never the clock. */
import type { Answer } from '../shared/answer.ts';
import type { Facts } from './facts.ts';
import type { Plan } from './plan.ts';

export interface View {
  readonly state: string;
  readonly facts: Facts;
  readonly plan: Plan;
}

export type Guard = (view: View) => Answer;
