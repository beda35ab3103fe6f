import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Document } from 'yaml';
import { desiredObjects } from '#src/resources/plan.ts';
import { haSpec, inputOf, minimalSpec } from './wanted.ts';

/** Every object as a YAML document; what only the plan knows stands in a comment before it. */
function rendered(input: Parameters<typeof desiredObjects>[0]): string {
  return desiredObjects(input)
    .map((object) => {
      const document = new Document(object.body, { aliasDuplicateObjects: false });
      const keys = object.generated.map(({ key, generator }) => `${key} (${generator.type})`).join(', ');
      const words = [
        ` ${object.ref.kind}/${object.ref.name}: creation ${object.creation}, repair ${object.repair}, deletion step ${object.deletion}`,
        ...(object.after.length === 0 ? [] : [` after ${object.after.join(', ')}`]),
        ...(keys === '' ? [] : [` keys ${keys}`]),
      ];
      document.commentBefore = words.join('\n');
      return document.toString({ lineWidth: 0 });
    })
    .join('---\n');
}

const cases = [
  { file: 'minimal-endpoints', input: inputOf(minimalSpec, 'Endpoints') },
  { file: 'minimal-configmaps', input: inputOf(minimalSpec, 'ConfigMaps') },
  { file: 'ha-endpoints', input: inputOf(haSpec, 'Endpoints') },
  { file: 'ha-configmaps', input: inputOf(haSpec, 'ConfigMaps') },
];

describe('the objects of a cluster', () => {
  it.each(cases)('are those of test/golden/resources/$file.yaml, to the letter', ({ file, input }) => {
    const path = new URL(`../../golden/resources/${file}.yaml`, import.meta.url);
    const text = rendered(input);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
    expect(text, 'if this is meant, npm run golden writes it anew; read the diff').toBe(readFileSync(path, 'utf8'));
  });
});
