/** The small tables of the machine, written down a second time: a changed row must be meant twice. */
import { describe, expect, it } from 'vitest';
import { retryDelayMs } from '#machines/cluster/backoff.ts';
import { phaseOf } from '#machines/cluster/chart.ts';
import { effectClasses, targetKey, type IntentType } from '#machines/cluster/intents.ts';
import type { ObjectRef } from '#machines/cluster/observations.ts';
import { initialFacts } from '#machines/cluster/learn.ts';
import { startingState } from '#machines/cluster/start.ts';
import { recoveryRules } from '#machines/cluster/tables/recovery.ts';
import { calm, factsOf } from './worlds.ts';

const pod: ObjectRef = { kind: 'Pod', name: 'shop-0' };

describe('each type of intent', () => {
  it.each([
    ['AddFinalizer', 'A1', 'watch-tells', 'Pod/shop-0'],
    ['ReleaseFinalizer', 'A1', 'watch-tells', 'Pod/shop-0'],
    ['CreateObject', 'B', 'read-and-compare', 'Pod/shop-0'],
    ['CreateSecret', 'C', 'read-and-compare', 'Pod/shop-0'],
    ['RepairObject', 'A1', 'read-and-compare', 'Pod/shop-0'],
    ['RepairStatefulSet', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['RemoveForeignFields', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['AdoptObject', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['MarkRetained', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['StripMarks', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['ReleaseObject', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['DeleteObject', 'D', 'read-and-compare', 'Pod/shop-0'],
    ['CompareObject', 'R', 'ask-again', 'Compare/Pod/shop-0'],
    ['ReadObject', 'R', 'ask-again', 'Read/Pod/shop-0'],
    ['CreateDatabase', 'E', 'wait-and-probe', 'Database/shop-0'],
    ['PublishStatus', 'F', 'publish-latest', 'Status'],
    ['EmitEvent', 'F', 'forget', 'Event/shop-0'],
    ['PatchPatroniConfig', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['RequestSwitchover', 'A2', 'watch-tells', 'Switchover/shop-0'],
    ['RestartPostgres', 'E', 'watch-tells', 'Restart/shop-0'],
    ['ReloadPostgres', 'E', 'watch-tells', 'Reload/shop-0'],
    ['ReinitializeMember', 'E', 'watch-tells', 'Reinitialize/shop-0'],
    ['GrowVolume', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['SetPasswords', 'E', 'wait-and-probe', 'Passwords/shop-0'],
    ['WriteSecret', 'A2', 'read-and-compare', 'Pod/shop-0'],
    ['LabelPod', 'A2', 'watch-tells', 'Labels/shop-0'],
    ['VerifyParameters', 'R', 'ask-again', 'Verify/shop-0'],
    ['MeasureVolume', 'R', 'ask-again', 'Room/shop-0'],
  ] as const)('%s: class %s, after an unknown outcome %s, stands at %s', (type, effectClass, rule, key) => {
    expect(effectClasses[type]).toBe(effectClass);
    expect(recoveryRules[type]).toBe(rule);
    expect(targetKey({ type, target: pod } as { type: IntentType; target: ObjectRef } as never)).toBe(key);
  });
});

describe('the wait after failures', () => {
  it.each([
    [0, undefined, 5_000],
    [1, undefined, 5_000],
    [2, undefined, 10_000],
    [3, undefined, 20_000],
    [6, undefined, 160_000],
    [7, undefined, 300_000],
    [9_999, undefined, 300_000],
    [1, 1_000, 1_000],
    [4, 1_000, 8_000],
    [17, 1, 65_536],
    [18, 1, 65_536],
  ])('after %d in a row, beginning with %s ms: %d ms', (count, first, delay) => {
    expect(retryDelayMs(count, first)).toBe(delay);
  });
});

describe('the phase of a state', () => {
  it.each([
    ['Alive.Creating.joining', 'Creating'],
    ['Alive.Running', 'Running'],
    ['Deleting.stopping', 'Deleting'],
  ])('%s is %s', (path, phase) => expect(phaseOf(path)).toBe(phase));

  it.each(['', 'Alive', 'Alive.Nowhere', 'Nowhere'])('%j has none', (path) =>
    expect(() => phaseOf(path)).toThrow(`state path ${JSON.stringify(path)} names no phase of the cluster machine`),
  );
});

describe('a cluster without its journal', () => {
  const known = factsOf(calm);
  const found = (phase: string | null) =>
    ({ ...known, memory: { ...known.memory, found: { phase } as NonNullable<typeof known.memory.found> } }) as const;

  it.each([
    ['Creating', 'Alive.Creating.bootstrapping'],
    ['Running', 'Alive.Running'],
    ['Updating', 'Alive.Updating.configuring'],
    ['Scaling', 'Alive.Scaling.adding'],
    ['Degraded', 'Alive.Degraded'],
    ['Recovering', 'Alive.Recovering.electing'],
    ['Failed', 'Alive.Failed'],
    ['Pending', 'Alive.Pending'],
    ['Deleting', 'Alive.Pending'],
    ['a phase of another build', 'Alive.Pending'],
    [null, 'Alive.Pending'],
  ])('that published %s begins in %s', (phase, state) =>
    expect(startingState('Alive.Pending', found(phase))).toBe(state),
  );

  it('begins only once, at the beginning, and only on a whole picture', () => {
    expect(startingState('Alive.Degraded', found('Running'))).toBe('Alive.Degraded');
    expect(startingState('Alive.Pending', known)).toBe('Alive.Pending');
    const { memory } = found('Running');
    expect(startingState('Alive.Pending', { ...initialFacts(0), memory })).toBe('Alive.Pending');
  });
});
