/** Which places of the API server's memory a journal must hold, and which are another operator's. On real files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, type Journal } from '#src/journal/journal.ts';
import type { TermBegun } from '#src/kube/lease.ts';
import { systemPorts } from '#src/system-ports.ts';
import { gapsOf, ownAnchors } from '#src/operator/lineage.ts';

type Anchored = Parameters<typeof gapsOf>[1][number];

let dir: string;
const opened: Journal[] = [];

beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/lineage-`);
});
afterEach(() => {
  for (const journal of opened.splice(0)) journal.close();
  rmSync(dir, { recursive: true });
});

function journal(name: string): Journal {
  const never = (): void => undefined;
  const opening = openJournal({
    path: `${dir}/${name}.db`,
    build: 'test',
    anchors: [],
    ports: systemPorts(),
    onWritable: never,
    onFatal: (error) => {
      throw error;
    },
    onCommit: never,
  });
  opened.push(opening.journal);
  return opening.journal;
}

/** Rows of one cluster in one term; the last one's place as the status would name it. */
function lead(of: Journal, epoch: number, gap?: unknown): Anchored {
  const cluster = { uid: 'u1', namespace: 'shop', name: 'orders' };
  const row = { epoch, at: 1, typeVersion: 1, maskVersion: 1, causedBy: null };
  if (gap !== undefined)
    of.writer.append({ ...row, cluster, kind: 'gap', type: 'JournalLost', body: JSON.stringify(gap) });
  for (let count = 0; count < 3; count += 1)
    of.writer.append({ ...row, cluster, kind: 'observation', type: 'X', body: `{"e":${epoch},"n":${count}}` });
  of.writer.flush();
  const { seq, head } = of.writer.head('u1') ?? { seq: 0, head: '' };
  return { namespace: 'shop', name: 'orders', anchor: { uid: 'u1', epoch, seq, head }, journalIntact: true };
}

function term(of: Journal, holder: string, epoch: number): TermBegun['previous'] {
  return { holder, epoch, head: of.writer.operatorHead() };
}

describe('a journal that led every term', () => {
  it('has no gap, and must hold what statuses name', () => {
    const a = journal('a');
    const early = lead(a, 1);
    const late = lead(a, 2);
    expect(gapsOf(a.reader, [late], term(a, 'a', 2))).toEqual([]);
    expect(gapsOf(a.reader, [early], term(a, 'a', 2))).toEqual([]);
    expect(ownAnchors(a.reader, [early.anchor, late.anchor])).toEqual([early.anchor, late.anchor]);
  });

  it('is not read from its first row to its last for that, before anything is decided', () => {
    const a = journal('a');
    const { anchor, ...found } = lead(a, 1);
    const reader = {
      ...a.reader,
      gaps: () => {
        throw new Error('every row was read');
      },
    };
    expect(ownAnchors(reader, [anchor])).toEqual([anchor]);
    expect(gapsOf(reader, [{ anchor, ...found }], term(a, 'a', 1))).toEqual([]);
  });

  it('must hold a row of its own term that is not there: it is lost, not another’s', () => {
    const a = journal('a');
    const { anchor } = lead(a, 2);
    const beyond = { ...anchor, seq: anchor.seq + 4, head: 'x' };
    expect(ownAnchors(a.reader, [beyond])).toEqual([beyond]);
  });
});

describe('a journal that others led in between', () => {
  it('has one gap, that names status and Lease, and is not damaged for it', () => {
    const [a, b] = [journal('a'), journal('b')];
    lead(a, 1);
    const theirs = lead(b, 2);
    expect(ownAnchors(a.reader, [theirs.anchor])).toEqual([]);
    const gaps = gapsOf(a.reader, [theirs], term(b, 'b', 2));
    expect(gaps.map(({ body }) => body)).toEqual([
      {
        because: 'status names a place in a journal that this one does not hold',
        anchor: theirs.anchor,
        previous: term(b, 'b', 2),
      },
    ]);
    lead(a, 3, gaps[0]?.body);
    expect(gapsOf(a.reader, [theirs], term(a, 'a', 3))).toEqual([]);
    expect(gapsOf(a.reader, [theirs], term(b, 'b', 2))).toEqual([]);
    expect(ownAnchors(a.reader, [theirs.anchor])).toEqual([]);
  });

  it('has one also when they changed no status: the Lease alone tells', () => {
    const [a, b] = [journal('a'), journal('b')];
    const ours = lead(a, 1);
    lead(b, 2);
    const gaps = gapsOf(a.reader, [ours], term(b, 'b', 2));
    expect(gaps.map(({ body }) => body)).toEqual([
      { because: 'b led term 2 with another journal', anchor: null, previous: term(b, 'b', 2) },
    ]);
  });
});

describe('a new journal', () => {
  it('must hold nothing, and has a gap for each cluster that has a status', () => {
    const [a, fresh] = [journal('a'), journal('fresh')];
    const ours = lead(a, 1);
    expect(ownAnchors(null, [ours.anchor])).toEqual([]);
    expect(ownAnchors(fresh.reader, [ours.anchor])).toEqual([]);
    expect(gapsOf(fresh.reader, [ours], null)).toHaveLength(1);
    lead(fresh, 2, { because: '', anchor: ours.anchor, previous: null });
    expect(gapsOf(fresh.reader, [ours], term(fresh, 'a', 2))).toEqual([]);
    // A restart in which no status has changed since: this was taken for damage once, at every start.
    expect(ownAnchors(fresh.reader, [ours.anchor])).toEqual([]);
  });
});
