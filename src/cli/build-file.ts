/**
 * Owns: loading a build from a file: the bundle that `npm run build` makes of the deciding core. It runs apart, without
 * clock, chance, files or network: what decides needs none, and what asks for one is no such build.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as crypto from 'node:crypto';
import { createContext, Script } from 'node:vm';
import { Refused } from '#src/errors.ts';
import { buildFormat } from '#src/core-build.ts';
import type { Core } from '#src/replay/redecide.ts';

/** A build that was loaded. */
export interface LoadedBuild {
  /** The name under which rows say they were written by it. */
  readonly name: string;
  readonly maskVersion: number;
  readonly core: Core;
}

function refuse(path: string, because: string, cause?: unknown): Refused {
  return new Refused(`this is no build: ${because}`, {
    operation: 'load',
    subject: path,
    hint: "name a dist/core.cjs that 'npm run build' has made",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** What a build must not reach; asking is an error, not a silent nothing. */
const prelude = `
  Date.now = () => { throw new Error('a build asks for no clock'); };
  Math.random = () => { throw new Error('a build draws no chance'); };
`;

function run(path: string, text: string): Readonly<Record<string, unknown>> {
  const module = { exports: {} as Record<string, unknown> };
  const need = (name: string): unknown => {
    if (name === 'node:crypto') return { hash: crypto.hash };
    throw new Error(`it needs ${name}`);
  };
  const never = (): never => {
    throw new Error('a build sets no timers');
  };
  const context = createContext({
    module,
    exports: module.exports,
    require: need,
    setTimeout: never,
    clearTimeout: never,
    setInterval: never,
    queueMicrotask: never,
    console: { warn: () => undefined, error: () => undefined, log: () => undefined },
  });
  try {
    new Script(prelude).runInContext(context);
    new Script(text, { filename: path }).runInContext(context, { timeout: 10_000 });
  } catch (cause) {
    throw refuse(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  return module.exports;
}

/** A build from the text of its bundle. @throws Refused when it is none, or one that this pgc cannot ask */
export function buildOf(path: string, text: string): LoadedBuild {
  const exported = run(path, text);
  const { makeCore, maskVersion } = exported;
  const format = exported['buildFormat'];
  if (typeof format !== 'number' || typeof makeCore !== 'function' || typeof maskVersion !== 'number')
    throw refuse(path, 'it does not export a core');
  if (format > buildFormat)
    throw new Refused(`format ${format} is newer than ${buildFormat}`, {
      operation: 'load',
      subject: path,
      hint: 'use a pgc at least as new as the build',
    });
  const name = createHash('sha256').update(text).digest('hex').slice(0, 16);
  // The cast stands at the border: the format says what the exported core can do.
  return { name, maskVersion, core: (makeCore as () => Core)() };
}

/** A build from a file. @throws Refused when there is none at the path */
export function loadBuild(path: string): LoadedBuild {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw refuse(path, 'the file cannot be read', cause);
  }
  return buildOf(path, text);
}
