/** Owns: which browser pages are tested with: Debian's headless Chromium, or the one that BROWSER names. */
import { chromium, type Browser } from 'playwright-core';
import { ensurePrerequisites } from '#test/cluster/prerequisites.ts';

/** Starts it, and as root installs it before. @throws saying what a human has to do: a page that no browser has shown is not tested */
export async function openBrowser(): Promise<Browser> {
  const named = process.env['BROWSER'];
  if (named === undefined) await ensurePrerequisites('browser', (line) => void process.stderr.write(`${line}\n`));
  const executablePath = named ?? '/usr/bin/chromium-headless-shell';
  // Tests run as root in containers, where Chromium's own sandbox cannot be made; all pages are this test's.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
