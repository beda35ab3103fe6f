/** The code base under its own rules; each rule is also shown a violation, so that it is known to bite. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { purityViolations, stageViolations, wordViolations, type SourceFile } from './stages.ts';

const root = new URL('../../', import.meta.url).pathname;

function filesOf(folder: string): readonly SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(join(root, folder, name), 'utf8') }));
}

const files = ['machines', 'src', 'ui', 'test']
  .flatMap(filesOf)
  .filter(({ path }) => path !== 'test/tidy/stages.ts' && path !== 'test/tidy/tidy.test.ts');

describe('the code base', () => {
  it('keeps its stages apart', () => expect(stageViolations(files)).toEqual([]));
  it('keeps its words', () => expect(wordViolations(files)).toEqual([]));
  it('keeps its core pure', () => expect(purityViolations(files)).toEqual([]));
});

const longFunction = `export function f(): number {\n${'  g();\n'.repeat(69)}  return 1;\n}\nfunction g(): void {}\n`;

/** What lint says of a file that is not there. */
function linted(path: string, text: string): string {
  const work = mkdtempSync(join(tmpdir(), 'lint-'));
  try {
    cpSync(join(root, '.oxlintrc.json'), join(work, '.oxlintrc.json'));
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), text);
    return spawnSync(join(root, 'node_modules/.bin/oxlint'), [path], { cwd: work, encoding: 'utf8' }).stdout;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

describe('the rules bite', () => {
  it.each([
    [
      'a value of another stage',
      stageViolations([{ path: 'src/watch/x.ts', text: "import { a } from '#src/stream/b.ts';" }]),
    ],
    [
      'a type that flows backward',
      stageViolations([{ path: 'src/watch/x.ts', text: "import type { A } from '#src/stream/b.ts';" }]),
    ],
    ['a clock in the core', purityViolations([{ path: 'machines/x.ts', text: 'const a = Date.now();' }])],
    ['chance in the core', purityViolations([{ path: 'src/decision/x.ts', text: 'const a = Math.random();' }])],
    ['an await in the core', purityViolations([{ path: 'machines/x.ts', text: 'await a();' }])],
    ['a skipped test', wordViolations([{ path: 'test/x.ts', text: "it.skip('x')" }])],
    ['any', wordViolations([{ path: 'src/x.ts', text: 'const a: any = 1;' }])],
    ['a drawer', wordViolations([{ path: 'src/utils.ts', text: '' }])],
  ])('%s is refused', (_, violations) => expect(violations).toHaveLength(1));

  it.each([
    ['max-lines', 'src/planted.ts', 'void 0;\n'.repeat(401)],
    ['max-lines', 'test/src/planted.test.ts', 'void 0;\n'.repeat(401)],
    ['max-lines-per-function', 'src/planted.ts', longFunction],
    ['max-lines-per-function', 'test/support/planted.ts', longFunction],
  ])('lint has %s refuse a planted %s', (rule, path, text) => expect(linted(path, text)).toContain(rule));

  it('lint lets a describe be as long as its tests are many', () =>
    expect(linted('test/src/planted.test.ts', longFunction)).not.toContain('max-lines-per-function'));

  const planted: readonly { readonly rule: string; readonly path: string; readonly text: string }[] = [
    {
      rule: 'machines-are-pure',
      path: 'machines/planted.ts',
      text: "import { map } from 'rxjs';\nexport const x = map;\n",
    },
    {
      rule: 'core-is-pure',
      path: 'src/decision/planted.ts',
      text: "import { readFileSync } from 'node:fs';\nexport const x = readFileSync;\n",
    },
    {
      rule: 'core-imports-only-core',
      path: 'src/replay/planted.ts',
      text: "import { x } from '#src/kube/y.ts';\nexport const z = x;\n",
    },
    {
      rule: 'nobody-imports-a-door',
      path: 'src/watch/planted.ts',
      text: "import { x } from '#src/operator/y.ts';\nexport const z = x;\n",
    },
    {
      rule: 'one-opener-of-sqlite',
      path: 'src/watch/planted.ts',
      text: "import Database from 'better-sqlite3';\nexport const z = Database;\n",
    },
    {
      rule: 'one-speaker-to-kubernetes',
      path: 'src/watch/planted.ts',
      text: "import { KubeConfig } from '@kubernetes/client-node';\nexport const z = KubeConfig;\n",
    },
    {
      rule: 'no-inspector-attached',
      path: 'src/watch/planted.ts',
      text: "import { createInspector } from '@statelyai/inspect';\nexport const z = createInspector;\n",
    },
    {
      rule: 'pages-run-in-browsers',
      path: 'ui/planted.ts',
      text: "import { x } from '#src/operator/y.ts';\nexport const z = x;\n",
    },
    {
      rule: 'no-circular',
      path: 'src/watch/planted.ts',
      text: "import { a } from './other.ts';\nexport const z = a;\n",
    },
  ];

  it.each(planted)('boundary $rule refuses a planted violation', ({ rule, path, text }) => {
    const work = mkdtempSync(join(tmpdir(), 'boundaries-'));
    try {
      cpSync(join(root, 'package.json'), join(work, 'package.json'));
      mkdirSync(join(work, 'test/tidy'), { recursive: true });
      cpSync(join(root, 'test/tidy/boundaries.cjs'), join(work, 'test/tidy/boundaries.cjs'));
      symlinkSync(join(root, 'node_modules'), join(work, 'node_modules'));
      for (const [file, content] of [
        [path, text],
        ['src/kube/y.ts', 'export const x = 1;\n'],
        ['src/operator/y.ts', 'export const x = 1;\n'],
        ['src/watch/other.ts', "import { z } from './planted.ts';\nexport const a = z;\n"],
        ['machines/keep.ts', 'export const x = 1;\n'],
        ['ui/keep.ts', 'export const x = 1;\n'],
      ] as const) {
        mkdirSync(dirname(join(work, file)), { recursive: true });
        writeFileSync(join(work, file), content);
      }
      if (rule !== 'no-circular') rmSync(join(work, 'src/watch/other.ts'));
      let output = '';
      try {
        execFileSync(
          process.execPath,
          [
            join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
            '--config',
            'test/tidy/boundaries.cjs',
            'machines',
            'src',
            'ui',
          ],
          { cwd: work, encoding: 'utf8' },
        );
      } catch (error) {
        output = String((error as { readonly stdout?: string }).stdout ?? '');
      }
      expect(output).toContain(rule);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
});
