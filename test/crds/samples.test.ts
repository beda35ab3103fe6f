import { readdirSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { PostgresCluster } from '#crds/postgrescluster.gen.ts';
import { settings } from '#src/config.ts';
import { creationProblems } from '#src/resources/validation.ts';
import { closedSchema, fileText, openApiSchema } from './schema.ts';

const folder = 'crds/samples';
const samples = readdirSync(new URL(`../../${folder}`, import.meta.url)).filter((name) => name.endsWith('.yaml'));
const validate = new Ajv({ allErrors: true, strict: false }).compile<PostgresCluster>(
  closedSchema(openApiSchema()) as object,
);

const config = {
  images: JSON.parse(settings.images.default) as Record<string, string>,
  imagePullPolicy: 'IfNotPresent',
  defaultDcs: 'Endpoints',
  createDeadlineSeconds: 600,
} as const;

/** RFC 7396: what null takes away, and objects merge. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base: Record<string, unknown> = typeof target === 'object' && target !== null ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete base[key];
    else base[key] = merged(base[key], value);
  }
  return base;
}

const localPatch: unknown = parse(fileText(`${folder}/local-patch/merge-patch.yaml`));

describe('the samples', () => {
  it('are those the documentation names', () => {
    const names = ['configmaps-dcs', 'ha', 'minimal', 'single', 'three-members', 'two-members'];
    expect(samples.toSorted()).toEqual(names.map((name) => `${name}.yaml`));
  });

  it.each(samples)('%s fits the schema and would be created as it is', (name) => {
    const manifest: unknown = parse(fileText(`${folder}/${name}`));
    if (!validate(manifest)) throw new Error(JSON.stringify(validate.errors));
    expect(creationProblems(manifest.spec, config)).toEqual([]);
  });

  it.each(samples)('%s fits a small cluster once it is patched', (name) => {
    const manifest = merged(parse(fileText(`${folder}/${name}`)), localPatch);
    if (!validate(manifest)) throw new Error(JSON.stringify(validate.errors));
    expect(creationProblems(manifest.spec, config)).toEqual([]);
    expect(manifest.spec.storage).toEqual({ size: '300Mi' });
    expect(manifest.spec.resources).toBeUndefined();
  });

  it('are refused for a field that the schema does not know', () => {
    const manifest = merged(parse(fileText(`${folder}/minimal.yaml`)), { spec: { storge: { size: '1Gi' } } });
    expect(validate(manifest)).toBe(false);
  });
});
