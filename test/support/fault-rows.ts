/**
 * Owns: which fault is met by which protection, how the protection is switched off, and which test is then red. From it
 * come `docs/faults.md` and the runner of the switches (`test/support/fault-switches.ts`).
 */
import type { FaultRow } from './fault-row.ts';
import { leaseRows, requestRows } from './fault-rows-kube.ts';
import { listRows, streamRows } from './fault-rows-watch.ts';

/** The table, in groups. */
export const faultGroups: readonly { readonly title: string; readonly rows: readonly FaultRow[] }[] = [
  { title: 'Streams', rows: streamRows },
  { title: 'Lists, refusals, identity', rows: listRows },
  { title: 'Requests and connections', rows: requestRows },
  { title: 'The Lease', rows: leaseRows },
];
