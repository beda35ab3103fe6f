/**
 * Owns: who may import whom. The same names as in docs/architecture.md, in the same order. Each rule says what to do
 * instead; each has been seen red (`boundaries.test.ts` plants a violation of every one).
 */
const core = '^src/(decision|resources|replay|export)/';
const doors = '^src/(operator|cli|main|sim)';

module.exports = {
  forbidden: [
    {
      name: 'machines-are-pure',
      comment: 'machines/ knows itself, the API types and xstate. Pass facts in, give intents out.',
      severity: 'error',
      from: { path: '^machines/' },
      to: { pathNot: '^(machines/|crds/|node_modules/xstate/)' },
    },
    {
      name: 'core-is-pure',
      comment:
        'The core may be run anywhere: put I/O behind a port and hand the result in. Only hash.ts computes with node:crypto.',
      severity: 'error',
      from: { path: core, pathNot: '^src/decision/hash\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'core-imports-only-core',
      comment: 'Move what is needed into the core, or hand it in. Types of a journal row may be read.',
      severity: 'error',
      from: { path: core },
      to: { path: '^src/', pathNot: [core, '^src/(ports|errors)\\.ts$', '^src/journal/record\\.ts$'] },
    },
    {
      name: 'nobody-imports-a-door',
      comment: 'Doors put things together and are put together by nobody.',
      severity: 'error',
      from: { path: '^(src|machines)/', pathNot: doors },
      to: { path: '^src/(operator|cli|sim)/' },
    },
    {
      name: 'one-opener-of-sqlite',
      comment: 'Ask the journal.',
      severity: 'error',
      from: { pathNot: '^src/journal/database\\.ts$' },
      to: { path: 'node_modules/better-sqlite3/' },
    },
    {
      name: 'one-speaker-to-kubernetes',
      comment: 'Use the ports of src/kube; its request layer is ours (docs/dependencies.md).',
      severity: 'error',
      from: { pathNot: '^src/(kube/(connection|exec|request)|cli/(forward|terminal))\\.ts$' },
      to: { path: 'node_modules/(@kubernetes/client-node|undici)/' },
    },
    {
      name: 'no-inspector-attached',
      comment:
        'Write messages from rows (src/export/stately.ts); the library is for tests, and sends to strangers when it is let.',
      severity: 'error',
      from: { path: '^(machines|src)/' },
      to: { path: 'node_modules/@statelyai/' },
    },
    {
      name: 'pages-run-in-browsers',
      comment:
        'A page knows itself and the messages it is sent; nothing that needs Node, and what it shows comes over the wire.',
      severity: 'error',
      from: { path: '^ui/' },
      to: { pathNot: '^(ui/|src/export/stately\\.ts$)' },
    },
    {
      name: 'no-circular',
      comment: 'Two files that need each other are one idea, or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    exoticRequireStrings: [],
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.cjs', '.json'],
      conditionNames: ['import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
