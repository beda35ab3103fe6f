/**
 * Owns: the one hash of the pure core. `node:crypto` is a computation, not I/O; this file is the core's only import of it.
 */
import { hash } from 'node:crypto';

/** SHA-256 of the UTF-8 bytes of a text, lower-case hex. */
export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}
