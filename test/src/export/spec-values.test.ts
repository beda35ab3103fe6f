/** What people are told of a spec: which variables there are and which of them an edit changes, never what they hold. */
import { describe, expect, it } from 'vitest';
import type { ClusterProjection } from '#machines/cluster/observations.ts';
import { specEdits } from '#src/export/spec-edits.ts';
import { shownValue, withoutSpecs } from '#src/export/spec-values.ts';

const env = [
  { name: 'TOKEN', value: 'hunter2' },
  { name: 'TEAM', valueFrom: { secretKeyRef: { name: 'teams', key: 'blue' } } },
];

function seen(variables: unknown): ClusterProjection {
  return { uid: 'uid', spec: { version: '17', replicas: 1, env: variables } } as unknown as ClusterProjection;
}

describe('values of environment variables', () => {
  it.each([
    [undefined, env, 'TOKEN added, TEAM added'],
    [env, undefined, 'TOKEN removed, TEAM removed'],
    [env, [{ name: 'TOKEN', value: 'hunter3' }, env[1]], 'TOKEN changed'],
    [env, env.toReversed(), 'other order'],
  ])('are not told with an edit %#', (before, after, words) => {
    expect(specEdits(seen(before), seen(after))).toEqual([`spec.env: ${words} (values are not shown)`]);
  });

  it('are not told by a plan, whose other values are', () => {
    expect(shownValue('env', env)).toBe('TOKEN, TEAM (values are not shown)');
    expect(shownValue('env', undefined)).toBeUndefined();
    expect(shownValue('replicas', 3)).toBe(3);
  });

  it('are not told with the specs that the StatefulSet bears', () => {
    const path = 'metadata.annotations[postgres.example.com/accepted-spec]';
    expect(withoutSpecs(`${path}: "{"env":[{"value":"hunter2"}]}" → (absent)`)).toBe(`${path}: it is another`);
    expect(withoutSpecs('spec.replicas: 2 → 3')).toBe('spec.replicas: 2 → 3');
  });
});
