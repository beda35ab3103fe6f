import { describe, expect, it } from 'vitest';
import { generatePage, generateTypes } from '#src/dev/gen.ts';
import { fieldsOf } from '#src/dev/api-page.ts';
import { fileText, openApiSchema } from './schema.ts';

const answer = 'run: npm run gen';

describe('what is generated from the CRD', () => {
  it('has types that are those of the CRD', async () => {
    expect(fileText('crds/postgrescluster.gen.ts'), answer).toBe(await generateTypes());
  });

  it('has a reference page that is that of the CRD', () => {
    expect(fileText('docs/api.md'), answer).toBe(generatePage());
  });

  it('has only readonly properties', () => {
    const writable = fileText('crds/postgrescluster.gen.ts')
      .split('\n')
      .filter((line) => /^ +['A-Za-z0-9_]+\??:/.test(line));
    expect(writable).toEqual([]);
  });

  it('imports nothing, so that the pure core can use it', () => {
    expect(fileText('crds/postgrescluster.gen.ts')).not.toMatch(/^import/m);
  });
});

describe('the schema of the CRD', () => {
  const { spec, status } = openApiSchema().properties;
  const fields = [...fieldsOf('spec', spec), ...fieldsOf('status', status)];

  it('describes every field', () => {
    const silent = fields.filter(({ schema }) => typeof schema['description'] !== 'string').map(({ path }) => path);
    expect(silent).toEqual([]);
  });

  it('bounds every list and map of the spec, or its rules could cost more than the API server allows', () => {
    const endless = fields
      .filter(({ path }) => path.startsWith('spec.'))
      .filter(
        ({ schema }) =>
          (schema['type'] === 'array' && schema['maxItems'] === undefined) ||
          (schema['additionalProperties'] !== undefined && schema['maxProperties'] === undefined),
      )
      .map(({ path }) => path);
    expect(endless).toEqual([]);
  });

  it('keeps what the operator must know again after it lost its journal', () => {
    const kept = ['systemIdentifier', 'dcs', 'image', 'handled', 'retryCount', 'conditions', 'volumeSize', 'journal'];
    expect(fields.map(({ path }) => path)).toEqual(expect.arrayContaining(kept.map((name) => `status.${name}`)));
  });
});
