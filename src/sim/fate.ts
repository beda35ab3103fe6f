/** Owns: what can befall a request in a simulated world. What can befall a line of a watch: `lines.ts`. */

/** What happens to one request. */
export type Fate =
  | { readonly type: 'none' }
  /** Lost on its way there; the sender sees a reset, or waits for its deadline. */
  | { readonly type: 'lost-request'; readonly silent: boolean }
  /** Handled, but the answer never comes. */
  | { readonly type: 'lost-answer'; readonly silent: boolean }
  /** Handled so much later; its sender may be dead by then. */
  | { readonly type: 'held'; readonly ms: number }
  /** Answered by somebody before the server. */
  | {
      readonly type: 'replaced';
      readonly status: number;
      readonly reason: string;
      readonly retryAfterMs: number | null;
    }
  /** What it is about is deleted and made anew by somebody else, between its sending and its arrival, or before its answer. */
  | { readonly type: 'reborn'; readonly when: 'before' | 'after' };
