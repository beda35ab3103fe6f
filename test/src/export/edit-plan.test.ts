/** What the operator would say to an edit: what was asked for and refused before it is no answer to it. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { standingRefusals } from '#machines/cluster/tables/requests.ts';
import { readExportBytes } from '#src/cli/export-file.ts';
import { judged } from '#src/export/edit-plan.ts';
import { makeCore } from '#src/replay/core.ts';
import { standAt } from '#src/replay/walk.ts';

const golden = new URL('../../golden/journals/v0.1.0/failover.ndjson.gz', import.meta.url);

it('an edit is not refused for what was asked for, and refused, before it', () => {
  const core = makeCore();
  const { rows, blobs } = readExportBytes(gunzipSync(readFileSync(golden)), 'failover');
  const stood = standAt(core, { rows, getBlob: (hash) => blobs.get(hash) ?? '', from: null });
  const seen = stood?.standing.snapshot.facts.world.cluster?.seen;
  if (stood === null || seen === undefined) throw new Error('nothing stands');
  const { at } = stood;
  const { namespace, name, spec } = seen;
  const token = `t ${name}-9`;
  const annotations = { 'postgres.example.com/switchover': token };
  const { facts } = stood.standing.snapshot;
  const [cluster, message] = [facts.world.cluster, 'it is none of the members'];
  if (cluster === null) throw new Error('no cluster is seen');
  const world = { ...facts.world, cluster: { ...cluster, seen: { ...seen, annotations } } };
  const refused = { ...facts.memory.refused, switchover: { token, reason: 'NoSuchMember', message } };
  const handled = { ...facts.memory.handled, switchover: token };
  const memory = { ...facts.memory, refused, handled };
  const snapshot = { ...stood.standing.snapshot, facts: { ...facts, world, memory } };
  const wanted = { namespace, name, spec: { ...spec, replicas: (spec.replicas ?? 1) + 1 }, annotations: {} };
  expect(standingRefusals(snapshot.facts)).toHaveLength(1);
  expect(judged(core, { ...stood, standing: { ...stood.standing, snapshot } }, wanted, at).refused).toEqual([]);
});
