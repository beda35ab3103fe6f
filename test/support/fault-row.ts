/** Owns: what a row of the table of faults says. */

/** A small change of one source file that takes the protection away. */
export interface Switch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface FaultRow {
  readonly fault: string;
  readonly protection: string;
  readonly off: Switch;
  /** Test file and name, the last part of it. */
  readonly test: readonly [string, string];
}
