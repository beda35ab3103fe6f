/**
 * Whole lives of clusters in a small world: what is decided on every observation, to the letter: moves with every guard that
 * was asked, intents with their requests, timers, statuses. A change of behaviour is a diff of a golden file.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lives } from './lives.ts';
import { aTeller } from './told.ts';

const folder = new URL('../../golden/decision/', import.meta.url);

describe('the life of a cluster', () => {
  it.each(Object.entries(lives))('%s', (name, live) => {
    const tell = aTeller();
    const text = `${live()
      .decisions.map(tell)
      .filter((each) => each !== '')
      .join('\n')}\n`;
    const path = new URL(`${name.replaceAll(/[ ,]+/g, '-')}.txt`, folder);
    if (process.env['UPDATE_GOLDEN'] === '1') {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, text);
    }
    expect(text, 'if this is meant, npm run golden writes it anew; read the diff').toBe(readFileSync(path, 'utf8'));
  });
});
