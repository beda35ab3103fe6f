/** Owns: the table of `docs/faults.md` as text, from the rows. */
import { faultGroups } from './fault-rows.ts';

/** One Markdown table a group. */
export function faultTables(): string {
  const cell = (text: string): string => text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
  return faultGroups
    .map(({ title, rows }) =>
      [
        `### ${title}`,
        '',
        '| fault | protection | switch | test |',
        '| --- | --- | --- | --- |',
        ...rows.map(
          ({ fault, protection, off, test: [file, name] }) =>
            `| ${cell(fault)} | ${cell(protection)} | \`${off.file}\` | \`${file}\`: ${cell(name)} |`,
        ),
      ].join('\n'),
    )
    .join('\n\n');
}
