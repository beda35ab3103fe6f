/**
 * Owns: pruning and holds from outside the operator: on a file that nobody writes, directly; on a running operator, through its
 * loopback API, which takes and ends holds and says what it would prune, but prunes by its own policy alone.
 */
import { existsSync, rmSync } from 'node:fs';
import { usualKeep } from '#src/config.ts';
import { Refused } from '#src/errors.ts';
import { openAlone, openForReading } from '#src/journal/database.ts';
import { makePruner, type Pruned, type Pruner } from '#src/journal/prune.ts';
import { holdsOf, planPrune, type Hold, type KeepPolicy, type PrunePlan } from '#src/journal/retention.ts';
import { makeWriter } from '#src/journal/writer.ts';
import { systemPorts } from '#src/system-ports.ts';

export interface HeldRange {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly because: string;
}

/** What can be done about the age of a source's rows; a policy that is null is the source's own. */
export interface Retention {
  readonly plan: (policy: KeepPolicy | null) => Promise<PrunePlan>;
  readonly prune: (policy: KeepPolicy | null) => Promise<Pruned>;
  readonly holds: () => Promise<readonly Hold[]>;
  readonly hold: (uid: string, range: HeldRange) => Promise<number>;
  /** @returns whether there was such a hold */
  readonly release: (id: number) => Promise<boolean>;
}

/** Runs with the file to itself. @throws JournalRefused when it is in use */
function alone<T>(path: string, run: (pruner: Pruner) => T): T {
  const db = openAlone(path);
  const ballast = `${path}.ballast`;
  const stood = existsSync(ballast);
  const writer = makeWriter({
    db,
    path,
    build: '',
    ports: systemPorts(),
    onWritable: () => undefined,
    onFatal: () => undefined,
    onCommit: () => undefined,
  });
  try {
    return run(makePruner(db, writer));
  } finally {
    writer.close();
    // The writer keeps one; a copy on a laptop needs none.
    if (!stood) rmSync(ballast, { force: true });
  }
}

/** Of a journal file. @param leave closes what this process has open of it: a file that is changed is to be had alone */
export function fileRetention(path: string, leave: () => void): Retention {
  function changing<T>(run: (pruner: Pruner) => T): T {
    leave();
    return alone(path, run);
  }
  function reading<T>(ask: (db: ReturnType<typeof openForReading>) => T): T {
    const db = openForReading(path);
    try {
      return ask(db);
    } finally {
      db.close();
    }
  }
  return {
    plan: async (policy) => reading((db) => planPrune(db, policy ?? usualKeep, Date.now())),
    prune: async (policy) =>
      changing((pruner) => {
        const steps = pruner.steps(policy ?? usualKeep, Date.now());
        for (;;) {
          const step = steps.next();
          if (step.done === true) return step.value;
        }
      }),
    holds: async () => reading(holdsOf),
    hold: async (uid, range) => changing((pruner) => pruner.hold(uid, range) ?? 0),
    release: async (id) => changing((pruner) => pruner.release(id)),
  };
}

/** Of an export: it is whole as it is, or it is no proof any more. */
export function exportRetention(path: string): Retention {
  const refuse = async (): Promise<never> => {
    throw new Refused('an export is not pruned: it would not be what was exported', {
      operation: 'prune',
      subject: path,
      hint: 'export less of the journal, with --since; or delete the file',
    });
  };
  return { plan: refuse, prune: refuse, holds: refuse, hold: refuse, release: refuse };
}

/** Asks the operator; whatever it answers but yes is thrown. */
export type Ask = <T>(method: string, path: string, body?: unknown) => Promise<T>;

/** Of a running operator. */
export function apiRetention(base: string, ask: Ask): Retention {
  return {
    plan: (policy) => {
      if (policy === null) return ask('GET', '/api/prune');
      throw new Refused('the operator prunes by its own settings', {
        operation: 'plan',
        subject: base,
        hint: 'leave --keep and --keep-bytes away; --journal-keep and --journal-keep-bytes of the operator set them',
      });
    },
    prune: async () => {
      throw new Refused('a running operator prunes its journal by itself', {
        operation: 'prune',
        subject: base,
        hint: 'see --dry-run for what it would do now; --journal-keep and --journal-keep-bytes of the operator set what it keeps',
      });
    },
    holds: () => ask('GET', '/api/holds'),
    hold: async (uid, range) => (await ask<{ readonly id: number }>('POST', '/api/holds', { uid, ...range })).id,
    release: async (id) => (await ask<{ readonly released: boolean }>('DELETE', `/api/holds/${id}`)).released,
  };
}
