/** Owns: which kubeconfig pgc uses. */
import { delimiter } from 'node:path';

/** The file that the flag names, or the files of KUBECONFIG, several of which are one as they are for kubectl; null for none. */
export function kubeconfigOf(flag: string | undefined): string | readonly string[] | null {
  if (flag !== undefined) return flag;
  const files = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((each) => each !== '');
  return files.length === 0 ? null : files;
}
