/**
 * Owns: the four families of errors. Each says what happened, to what, with which values, and what a human does next.
 * Expected failures of a request are values (`src/kube/api.ts`), not exceptions.
 */

export interface ErrorDetails {
  /** What was being done: `open the journal`. */
  readonly operation: string;
  /** To what: a path, an object, a field. */
  readonly subject: string;
  /** The next thing a human does. */
  readonly hint: string;
  readonly cause?: unknown;
}

abstract class OperatorError extends Error {
  readonly operation: string;
  readonly subject: string;
  readonly hint: string;
  constructor(name: string, message: string, details: ErrorDetails) {
    super(
      `${details.operation} ${details.subject}: ${message}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = name;
    this.operation = details.operation;
    this.subject = details.subject;
    this.hint = details.hint;
  }
}

/** An assertion failed: our mistake. Stops the actor it happened in, never the fleet. */
export class Bug extends OperatorError {
  constructor(message: string, details: ErrorDetails) {
    super('Bug', message, details);
  }
}

/** The user's wish cannot be fulfilled as it is; asking again is useless. */
export class Refused extends OperatorError {
  constructor(message: string, details: ErrorDetails) {
    super('Refused', message, details);
  }
}

/** Not now; `retryAfterMs` when the other side said when. */
export class Transient extends OperatorError {
  readonly retryAfterMs: number | null;
  constructor(message: string, details: ErrorDetails & { readonly retryAfterMs?: number | null }) {
    super('Transient', message, details);
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code that Node and SQLite give an error, such as `SQLITE_FULL`; empty where there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
