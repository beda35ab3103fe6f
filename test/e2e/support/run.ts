/**
 * Owns: a cluster under watch: writer, probes and recorder together, and the measuring of one procedure after another.
 * Rules that hold in every procedure are expected here; what one of them allows is said by the caller.
 */
import { loadavg } from 'node:os';
import { expect } from 'vitest';
import type { Balance } from '#test/support/day2/accounting.ts';
import { phase, type World } from '../world.ts';
import { apiWrites, auditMoment } from './audit.ts';
import { monotonic } from './clock.ts';
import type { Subject } from './database.ts';
import { recordPods, type PodRecord } from './pods.ts';
import { startProbes, type Probes } from './probes.ts';
import { keepMeasured, type Measured } from './report.ts';
import { isCore } from './selection.ts';
import { startWriter, type Writer, type WriterSettings } from './writer.ts';

export interface Procedure {
  readonly name: string;
  /** A planned one loses nothing; an unplanned one may lose what was only on the member that died. */
  readonly isPlanned: boolean;
  /** Ends when the procedure is over; then a row must be acknowledged and the phase be this, unless it is null. */
  readonly phase?: 'Running' | 'Degraded' | null;
}

export interface Run {
  readonly writer: Writer;
  readonly pods: PodRecord;
  readonly probes: Probes;
  /**
   * Does `work` under watch and keeps what was measured. @throws (by expect) when acknowledged rows are lost in a planned
   * one, when there were two writable primaries, or when the cluster is not well afterwards
   */
  readonly measure: (procedure: Procedure, work: () => Promise<void>) => Promise<Measured>;
  /** Ends everything. Balances the account; nothing is expected of losses that were measured and allowed. */
  readonly close: () => Promise<Balance>;
}

/** All pods' counts together. */
export const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

const minus = (
  now: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(now).map(([key, value]) => [key, value - (before[key] ?? 0)]));

/** Puts a running cluster under watch. `setting` names it in reports. */
export async function openRun(
  world: World,
  subject: Subject,
  setting: string,
  settings: WriterSettings = {},
): Promise<Run> {
  const pods = await recordPods(world, subject);
  const probes = await startProbes(world, subject, pods);
  const writer = await startWriter(world, subject, settings);
  await probes.primary();
  let known = new Set<number>();

  const measure = async (procedure: Procedure, work: () => Promise<void>): Promise<Measured> => {
    const before = {
      at: monotonic(),
      audit: auditMoment(),
      acknowledged: writer.acknowledged(),
      starts: probes.starts(),
      recreations: pods.recreations(),
      twoLabelledMs: pods.twoLabelledMs(),
      errors: writer.errors(),
    };
    await work();
    await writer.writesAgain();
    const wanted = procedure.phase === undefined ? 'Running' : procedure.phase;
    if (wanted !== null) await phase(world, subject.namespace, subject.name, wanted);
    await probes.primary();
    const gap = writer.gap(before.at);
    const lost = (await writer.lost()).filter((id) => !known.has(id));
    known = new Set([...known, ...lost]);
    const measured: Measured = {
      procedure: procedure.name,
      setting,
      isPlanned: procedure.isPlanned,
      gapMs: Math.round(gap.ms),
      acknowledged: writer.acknowledged() - before.acknowledged,
      lost: lost.length,
      twoLabelledMs: pods.twoLabelledMs() - before.twoLabelledMs,
      twoPrimaries: probes.twoPrimaries(),
      starts: minus(probes.starts(), before.starts),
      recreations: minus(pods.recreations(), before.recreations),
      apiWrites: apiWrites(before.audit, subject.namespace),
      tookMs: Math.round(monotonic() - before.at),
      errors: minus(writer.errors(), before.errors),
      load: loadavg()[0] ?? 0,
    };
    keepMeasured(measured);
    process.stdout.write(`day2 ${JSON.stringify(measured)}\n`);
    expect(measured.twoPrimaries, 'two writable primaries').toEqual([]);
    if (procedure.isPlanned) expect(lost, 'acknowledged rows lost').toEqual([]);
    return measured;
  };

  return {
    writer,
    pods,
    probes,
    measure,
    close: async () => {
      const account = await writer.stop();
      await probes.stop();
      await pods.stop();
      // Beside many others it would only be in their way; CI asks afterwards what became of it.
      if (!isCore) await world.kubectl('delete', 'namespace', subject.namespace, '--wait=false');
      expect(account.unexplained, 'rows that were refused and are there all the same').toEqual([]);
      return account;
    },
  };
}
