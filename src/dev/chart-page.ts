/** Owns: docs/machines/cluster.md: the chart drawn from the machine, its arrows and signals as tables. */
import { chartArrows, chartMermaid } from '#src/export/mermaid.ts';
import { signals } from '#machines/cluster/signals.ts';

/** The page of the cluster machine, Markdown. */
export function chartPage(): string {
  const arrows = chartArrows();
  const fence = '```';
  return `# The cluster machine

Generated from \`machines/cluster/chart.ts\` and \`machines/cluster/signals.ts\` by \`npm run gen\`; do not edit.

${fence}mermaid
${chartMermaid().trimEnd()}
${fence}

Every arrow bears the name of a signal. After every observation the signals that have an arrow in the present state are
asked in this order, and the first whose guard says yes is taken, until none does:

| order | signal | arrows |
|---|---|---|
${signals
  .map(({ signal }, index) => {
    const own = arrows.filter((arrow) => arrow.signal === signal).map(({ from, to }) => `${from} → ${to}`);
    return `| ${index + 1} | \`${signal}\` | ${own.join(', ')} |`;
  })
  .join('\n')}

What each guard compares, and what it said at any moment, is in the journal: \`pgc state NAME --at TIME\` lists every arrow
out of a state with its answer, \`pgc state NAME -o mermaid\` draws it, \`pgc why-not NAME PHASE\` asks along the way to a phase.
`;
}
