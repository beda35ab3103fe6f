/** Hazard: a port that was free when it was looked for is somebody's connection when its server begins to listen. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { reservePorts } from '#test/cluster/ports.ts';

test('blocks that are held are apart, and below the ports that the kernel hands out by itself', async () => {
  const blocks = await Promise.all(Array.from({ length: 20 }, () => reservePorts()));
  const ports = blocks.flatMap((block) => block.ports);
  expect(new Set(ports).size).toBe(100);
  const lowestOfKernel = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t')[0]);
  expect(Math.max(...ports)).toBeLessThan(lowestOfKernel);
  await Promise.all(blocks.map((block) => block.release()));
});

test('a block that is released is given again, unless somebody listens there', async () => {
  const one = await reservePorts();
  await one.release();
  const again = await reservePorts();
  expect(again.ports).toEqual(one.ports);
  await again.release();

  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(one.ports[2], '127.0.0.1', resolve));
  const other = await reservePorts();
  expect(other.ports).not.toContain(one.ports[2]);
  await other.release();
  await new Promise((resolve) => stranger.close(resolve));
});
