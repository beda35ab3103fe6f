import { describe, expect, it } from 'vitest';
import { createLeaderWatchdog, type LeaderWatchdog, slackMs } from '#src/stream/leader-watchdog.ts';
import { virtualTime, type VirtualTime } from './virtual-time.ts';

interface Bench {
  readonly time: VirtualTime;
  readonly watchdog: LeaderWatchdog;
  readonly told: string[];
  readonly heard: (resourceVersion: string, ttlSeconds?: number) => void;
  /** What the API server holds; null rejects every read. */
  answer: { version: string } | null;
  reads: number;
}

function bench(): Bench {
  const time = virtualTime();
  const told: string[] = [];
  const watchdog = createLeaderWatchdog({
    ...time,
    readVersion: () => {
      it.reads += 1;
      return it.answer === null ? Promise.reject(new Error('nobody answers')) : Promise.resolve(it.answer.version);
    },
    silent: (uid, silentMs) => told.push(`${uid} silent ${silentMs}`),
    heardAgain: (uid) => told.push(`${uid} heard`),
  });
  const it: Bench = {
    time,
    watchdog,
    told,
    answer: { version: '1' },
    reads: 0,
    heard: (resourceVersion, ttlSeconds) => {
      it.answer = { version: resourceVersion };
      const object = { mode: 'Endpoints', namespace: 'team-a', name: 'shop' } as const;
      watchdog.heard('shop', { source: 'Endpoints', object, resourceVersion, ttlSeconds: ttlSeconds ?? null });
    },
  };
  return it;
}

/** Lets the answer to a read arrive. */
async function passes(bench: Bench, ms: number): Promise<void> {
  bench.time.advance(ms);
  await Promise.resolve();
  await Promise.resolve();
}

describe('the leader watchdog', () => {
  it('says silent after Patroni’s default of 30 s and a little slack, once, and heard at the next change', async () => {
    const line = bench();
    line.heard('1');
    await passes(line, 30_000 + slackMs - 1);
    expect(line.told).toEqual([]);
    await passes(line, 1);
    expect(line.told).toEqual(['shop silent 32000']);
    await passes(line, 120_000);
    expect(line.told).toHaveLength(1);
    line.heard('2');
    expect(line.told).toEqual(['shop silent 32000', 'shop heard']);
  });

  it('takes the time to live from the object', async () => {
    const line = bench();
    line.heard('1', 20);
    await passes(line, 20_000 + slackMs);
    expect(line.told).toEqual(['shop silent 22000']);
  });

  it('hears a leader that renews', async () => {
    const line = bench();
    for (let second = 0; second < 300; second += 10) {
      line.heard(String(second));
      await passes(line, 10_000);
    }
    expect(line.told).toEqual([]);
    expect(line.reads).toBe(0);
  });

  it('does not take the same version told again for a sign of life', async () => {
    const line = bench();
    line.heard('1');
    await passes(line, 20_000);
    line.heard('1');
    await passes(line, 12_000);
    expect(line.told).toEqual(['shop silent 32000']);
  });

  it('believes the API server rather than a stream that has fallen behind', async () => {
    const line = bench();
    line.heard('1');
    line.answer = { version: '9' };
    await passes(line, 40_000);
    expect(line.reads).toBe(1);
    expect(line.told).toEqual([]);
  });

  it('calls nobody silent while nobody answers', async () => {
    const line = bench();
    line.heard('1');
    line.answer = null;
    await passes(line, 32_000);
    await passes(line, 32_000);
    expect(line.reads).toBe(2);
    expect(line.told).toEqual([]);
  });

  it('calls nobody silent while its source is stale, and counts anew from when it is fresh', async () => {
    const line = bench();
    line.heard('1');
    await passes(line, 10_000);
    line.watchdog.sourceWentStale('Endpoints');
    await passes(line, 300_000);
    expect(line.told).toEqual([]);
    line.watchdog.sourceFresh('Endpoints');
    await passes(line, 31_000);
    expect(line.told).toEqual([]);
    await passes(line, 1_000);
    expect(line.told).toEqual(['shop silent 32000']);
  });

  it('forgets a leader that gave its key back', async () => {
    const line = bench();
    line.heard('1');
    line.watchdog.forget('shop');
    await passes(line, 100_000);
    expect(line.told).toEqual([]);
  });

  it('does not mind the wall clock', async () => {
    const line = bench();
    line.heard('1');
    line.time.setWall(Date.UTC(2040, 0, 1));
    await passes(line, 31_000);
    expect(line.told).toEqual([]);
  });
});
