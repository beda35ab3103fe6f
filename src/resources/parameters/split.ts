/**
 * Owns: which parameters live in Patroni's DCS and which in each pod's local configuration. Spilo generates the local
 * ones itself, so a value in the DCS would be shadowed by Spilo's; all others belong in the DCS.
 */

const localNames: ReadonlySet<string> = new Set([
  'archive_command',
  'shared_buffers',
  'logging_collector',
  'log_destination',
  'log_directory',
  'log_filename',
  'log_file_mode',
  'log_rotation_age',
  'log_truncate_on_rotation',
  'ssl',
  'ssl_ca_file',
  'ssl_crl_file',
  'ssl_cert_file',
  'ssl_key_file',
  'shared_preload_libraries',
  'pg_stat_statements.track_utility',
]);

function isLocal(name: string): boolean {
  return localNames.has(name) || name.startsWith('bg_mon.') || name.startsWith('extwlist.');
}

export interface SplitParameters {
  readonly dcs: Readonly<Record<string, string>>;
  readonly local: Readonly<Record<string, string>>;
}

/** Splits validated parameters; names in lower case, sorted, values untouched. */
export function splitParameters(parameters: Readonly<Record<string, string>>): SplitParameters {
  const all = Object.entries(parameters)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return {
    dcs: Object.fromEntries(all.filter(([name]) => !isLocal(name))),
    local: Object.fromEntries(all.filter(([name]) => isLocal(name))),
  };
}
