/** Every story, and the screen it must lead to. `npm run golden` writes screens anew: read the difference. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeScratch } from '#src/sim/scratch.ts';
import { screenOf, StoryRefused } from '#src/sim/story.ts';

const here = import.meta.dirname;
const root = new URL('../../', import.meta.url);
const { folder: scratch, remove } = makeScratch();
afterAll(remove);
const stories = readdirSync(here).filter((file) => file.endsWith('.story'));

describe('stories', () => {
  it.each(stories)('%s', async (file) => {
    const screen = await screenOf(readFileSync(join(here, file), 'utf8'), { scratch, root });
    const path = join(here, file.replace(/\.story$/, '.screen'));
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, screen);
    expect(existsSync(path) ? readFileSync(path, 'utf8') : '(no screen yet: npm run golden)').toBe(screen);
  });

  it('say which step cannot be done', async () => {
    await expect(screenOf('dance', { scratch, root })).rejects.toThrow(StoryRefused);
    await expect(screenOf('remove Service nobody', { scratch, root })).rejects.toThrow('Service nobody is not there');
  });
});
