/** Owns: the log of the process. The journal tells decisions; this tells life and trouble. JSON, written at once. */
import pino, { type Logger } from 'pino';

export type Log = Logger;

/** A logger at `level` to standard output. Callers pass single, allow-listed fields, never whole objects. */
export function makeLog(level: string): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 1, sync: true }),
  );
}
