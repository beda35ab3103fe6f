/** Owns: the texts of the inspector's page (`ui/inspect`): put in by the bundler, or made once when pgc runs from sources. */
import { execFileSync } from 'node:child_process';

declare const INSPECT_PAGE: string | undefined;

/** By their paths on the server. */
export type PageTexts = Readonly<Record<'page.html' | 'page.css' | 'page.js', string>>;

/** The page as it is served. */
export function inspectPage(): PageTexts {
  const made =
    typeof INSPECT_PAGE === 'string'
      ? INSPECT_PAGE
      : execFileSync(process.execPath, [new URL('../dev/bundle.ts', import.meta.url).pathname, 'inspect-page'], {
          encoding: 'utf8',
        });
  return JSON.parse(made) as PageTexts;
}
