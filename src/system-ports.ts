import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Ports } from './ports.ts';

/**
 * The real ports: the machine's clock, chance and event loop; crash points do nothing.
 * @returns ports for production; timers are not kept from ending the process by unref.
 */
export function systemPorts(): Ports {
  return {
    clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
    chance: {
      fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
      bytes: (length) => new Uint8Array(randomBytes(length)),
    },
    ticks: {
      after: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return { cancel: () => clearTimeout(timer) };
      },
      soon: (run) => {
        const immediate = setImmediate(run);
        return { cancel: () => clearImmediate(immediate) };
      },
    },
    crash: { hit: () => undefined },
  };
}
