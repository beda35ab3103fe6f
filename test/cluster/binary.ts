/** Owns: the two programs of the test cluster, built from Go modules once and kept in the cache, keyed by their inputs. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './options.ts';
import { goProgram } from './prerequisites.ts';
import { run } from './shell.ts';

export const kubernetesVersion = 'v1.34.4';

const source = new URL('bed/', import.meta.url).pathname;

export interface Programs {
  readonly bed: string;
  readonly pause: string;
}

async function keyOf(go: string): Promise<string> {
  const hash = createHash('sha256')
    .update(kubernetesVersion)
    .update(await run(go, ['env', 'GOVERSION', 'GOARCH']));
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(go|mod|sum)$/.test(name))
    .sort()) {
    hash.update(file).update(readFileSync(join(source, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Paths of the built programs; builds them when no cached build has the same inputs. */
export async function ensurePrograms(log: (line: string) => void): Promise<Programs> {
  const go = await goProgram();
  if (go === null) throw new Error('Go is needed to build Kubernetes: install Go 1.25 or later and put it on the PATH');
  const folder = join(cacheFolder(), 'bed', await keyOf(go));
  const programs = { bed: join(folder, 'bed'), pause: join(folder, 'pause') };
  if (existsSync(programs.bed) && existsSync(programs.pause)) return programs;
  mkdirSync(folder, { recursive: true });
  log(
    `building Kubernetes ${kubernetesVersion}, etcd and CoreDNS from their Go modules (about 5 minutes on two cores, once)`,
  );
  const env = { ...process.env, CGO_ENABLED: '0' };
  const build = async (target: string, out: string): Promise<void> => {
    const part = `${out}.${process.pid}.part`;
    const flags = `-s -w -X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`;
    await run(go, ['build', '-trimpath', '-ldflags', flags, '-o', part, target], { cwd: source, env });
    renameSync(part, out);
  };
  await build('./pause', programs.pause);
  await build('.', programs.bed);
  log('built');
  return programs;
}
