/**
 * Owns: whether a parameter may be set, and to what: by name, type and range, against PostgreSQL's own table for the
 * major. PostgreSQL and Patroni accept nonsense with a warning in a log; here it is a sentence before anything happens.
 */
import type { Problem } from '#machines/cluster/plan.ts';
import { settingOf, type Setting } from './settings.ts';

/** Names that somebody else owns, and who. */
const blocked: Readonly<Record<string, string>> = {
  listen_addresses: 'Patroni sets it; members listen on all addresses',
  port: 'Patroni sets it; the port is 5432',
  cluster_name: 'Patroni sets it to the name of the cluster',
  hot_standby: 'Patroni keeps it on; replicas serve reads',
  primary_conninfo: 'Patroni sets it on every replica',
  primary_slot_name: 'Patroni sets it on every replica',
  promote_trigger_file: 'Patroni promotes members itself',
  recovery_target: 'restores are asked for in spec.restore',
  recovery_target_action: 'restores are asked for in spec.restore',
  recovery_target_inclusive: 'restores are asked for in spec.restore',
  recovery_target_lsn: 'restores are asked for in spec.restore',
  recovery_target_name: 'restores are asked for in spec.restore',
  recovery_target_time: 'restores are asked for in spec.restore',
  recovery_target_timeline: 'restores are asked for in spec.restore',
  recovery_target_xid: 'restores are asked for in spec.restore',
  restore_command: 'restores are asked for in spec.restore',
  recovery_end_command: 'restores are asked for in spec.restore',
  archive_command: 'archiving is asked for in spec.backup',
  archive_library: 'archiving is asked for in spec.backup',
  archive_cleanup_command: 'archiving is asked for in spec.backup',
  archive_mode: 'archiving is asked for in spec.backup',
  synchronous_standby_names: 'Patroni sets it; synchronous replication is asked for in spec.synchronous',
  data_directory: 'the image decides it',
  config_file: 'Patroni writes it',
  hba_file: 'Patroni writes it; lines go to spec.pgHba',
  ident_file: 'Patroni writes it',
  external_pid_file: 'the image decides it',
  unix_socket_directories: 'the image decides it; the operator uses the socket',
  unix_socket_group: 'the image decides it; the operator uses the socket',
  unix_socket_permissions: 'the image decides it; the operator uses the socket',
  logging_collector: 'the image decides it',
  log_destination: 'the image decides it',
  log_directory: 'the image decides it',
  log_filename: 'the image decides it',
  ssl: 'TLS is always on; certificates are asked for in spec.tls',
  ssl_ca_file: 'certificates are asked for in spec.tls',
  ssl_cert_file: 'certificates are asked for in spec.tls',
  ssl_key_file: 'certificates are asked for in spec.tls',
  ssl_crl_file: 'certificates are asked for in spec.tls',
  ssl_crl_dir: 'certificates are asked for in spec.tls',
  ssl_dh_params_file: 'certificates are asked for in spec.tls',
  ssl_passphrase_command: 'certificates are asked for in spec.tls',
  ssl_passphrase_command_supports_reload: 'certificates are asked for in spec.tls',
  fsync: 'without it a crash loses the database',
  full_page_writes: 'without it a crash loses the database',
  wal_log_hints: 'Patroni needs it on for pg_rewind',
  zero_damaged_pages: 'it destroys data',
  ignore_checksum_failure: 'it destroys data',
  allow_system_table_mods: 'it destroys data',
  transaction_isolation: 'it belongs to one transaction; set default_transaction_isolation',
  transaction_read_only: 'it belongs to one transaction; set default_transaction_read_only',
  transaction_deferrable: 'it belongs to one transaction; set default_transaction_deferrable',
};

/**
 * What Patroni keeps in its DCS and passes on the command line it reads itself, more narrowly than PostgreSQL: what it
 * cannot read it replaces by its default without a word, and 3.0 then drops its whole configuration.
 */
const plainMinimum: Readonly<Record<string, number>> = {
  max_connections: 25,
  max_wal_senders: 3,
  max_replication_slots: 4,
  max_worker_processes: 2,
  max_locks_per_transaction: 32,
  max_prepared_transactions: 0,
};
const walKeepMinimumMegabytes = 16;
/** Two segments of WAL: PostgreSQL takes less while it runs, without a word, and does not start with it. */
const leastMegabytes: Readonly<Record<string, number>> = { min_wal_size: 32, max_wal_size: 32 };
const patroniBooleans: ReadonlySet<string> = new Set(['on', 'off', 'true', 'false', 'yes', 'no', '1', '0']);

/** Extensions whose parameters pass unchecked, since pg_settings only knows them once they are loaded. */
const knownPrefixes: ReadonlySet<string> = new Set([
  'auth_delay',
  'auto_explain',
  'bg_mon',
  'cron',
  'extwlist',
  'pg_hint_plan',
  'pg_partman_bgw',
  'pg_prewarm',
  'pg_stat_kcache',
  'pg_stat_statements',
  'pg_trgm',
  'pgaudit',
  'plpgsql',
  'set_user',
  'timescaledb',
]);

const booleans: ReadonlySet<string> = new Set([
  'on',
  'off',
  'true',
  'false',
  'yes',
  'no',
  '1',
  '0',
  't',
  'f',
  'y',
  'n',
  'tr',
  'tru',
  'fa',
  'fal',
  'fals',
  'ye',
  'of',
]);

/** Factors to the smallest unit of each family, bytes and microseconds, in rising order: whole numbers, so that no digit is lost. */
const memoryUnits: Readonly<Record<string, number>> = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };
const timeUnits: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1000,
  s: 1_000_000,
  min: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000,
};

/** A name outside this would end up as other lines of postgresql.conf. */
const extensionNameGrammar = /^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_$]*)+$/;

const numberGrammar =
  /^\s*([+-]?(?:0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?))\s*([a-zA-Z]*)\s*$/;

function baseOf(unit: string): { readonly family: Readonly<Record<string, number>>; readonly factor: number } | null {
  const parts = /^(\d*)([A-Za-z]+)$/.exec(unit);
  if (parts === null) return null;
  const [, count = '', name = ''] = parts;
  const family = name in memoryUnits ? memoryUnits : name in timeUnits ? timeUnits : null;
  return family === null ? null : { family, factor: (count === '' ? 1 : Number(count)) * (family[name] ?? 1) };
}

/** As C rounds by default: a half goes to the even neighbour. */
function rounded(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** What C reads as octal, in whole numbers alone. */
const octalGrammar = /^\s*0[0-7]+\s*$/;

/**
 * The value in the setting's own unit; null when the text is no number or bears a unit it may not. In the same steps as
 * PostgreSQL's convert_to_base_unit: with a unit it is a whole multiple of the next smaller one, so that 1.1GB are 1126MB.
 */
function numeric(setting: Setting, text: string): number | null {
  if (setting.vartype === 'integer' && octalGrammar.test(text)) return parseInt(text, 8);
  const parts = numberGrammar.exec(text);
  if (parts === null) return null;
  const [, digits = '', suffix = ''] = parts;
  const value = Number(digits);
  if (suffix === '') return value;
  const base = setting.unit === null ? null : baseOf(setting.unit);
  const factor = base?.family[suffix];
  if (base === null || factor === undefined) return null;
  const converted = value * (factor / base.factor);
  const smaller = Object.values(base.family).findLast((each) => each < factor);
  return smaller === undefined ? converted : rounded(converted / (smaller / base.factor)) * (smaller / base.factor);
}

const switchedOn: ReadonlySet<string> = new Set(['on', 'true', 'yes', '1', 't', 'y', 'tr', 'tru', 'ye']);

/** What PostgreSQL replaces when it starts, or raises to a minimum of its own: the values it leaves alone are from here. */
const keptFrom: Readonly<Record<string, number>> = {
  wal_buffers: 4,
  // -1 stays, but 15 and 16 raise what is below 1 MB.
  autovacuum_work_mem: 1024,
  commit_timestamp_buffers: 16,
  subtransaction_buffers: 16,
  transaction_buffers: 16,
  io_max_concurrency: 1,
};

/** A number as pg_settings shows it, with six digits; null where the seventh is a half, which C and this rounds differently. */
function sixDigits(value: number): string | null {
  const seven = value.toPrecision(7);
  if (/5(?:e|$)/.test(seven) && Number(seven) === value) return null;
  return String(Number(value.toPrecision(6)));
}

/**
 * A valid value as `settingsScript` has a member tell it: numbers in the setting's own unit, switches as `on` and `off`, texts
 * as they stand in the file.
 * @returns null when only PostgreSQL could tell, such as for another word of an enumeration
 */
export function effectiveValue(setting: Setting, text: string): string | null {
  switch (setting.vartype) {
    case 'bool':
      return switchedOn.has(text.toLowerCase()) ? 'on' : 'off';
    case 'enum':
      // The one word of an enumeration that is shown as another one: the method that it stands for.
      if (setting.name === 'wal_compression' && text.toLowerCase() === 'on') return null;
      return (setting.enumvals ?? []).find((each) => each.toLowerCase() === text.toLowerCase()) ?? null;
    case 'integer': {
      const value = numeric(setting, text);
      if (value === null || value < (keptFrom[setting.name] ?? -Infinity)) return null;
      return String(rounded(value));
    }
    case 'real': {
      const value = numeric(setting, text);
      return value === null ? null : sixDigits(value);
    }
    case 'string':
      return text;
  }
}

function rangeText(setting: Setting): string {
  const unit = setting.unit === null ? '' : ` (in ${setting.unit})`;
  return `from ${setting.min ?? '-∞'} to ${setting.max ?? '∞'}${unit}`;
}

function numberRule(setting: Setting, text: string): string | null {
  const kind = setting.vartype === 'integer' ? 'an integer' : 'a number';
  // Whoever writes 0100 means a hundred, but for the modes of files.
  const isMode = setting.name === 'log_file_mode' && octalGrammar.test(text);
  if (setting.vartype === 'integer' && !isMode && /^\s*[+-]?0\d/.test(text))
    return 'must not begin with 0: PostgreSQL reads such a number as octal';
  const value = numeric(setting, text);
  const rule = `must be ${kind} ${rangeText(setting)}`;
  if (value === null || Number.isNaN(value)) return rule;
  const whole = setting.vartype === 'integer' ? rounded(value) : value;
  if (setting.min !== null && whole < Number(setting.min)) return rule;
  if (setting.max !== null && whole > Number(setting.max)) return rule;
  return null;
}

function valueRule(setting: Setting, text: string): string | null {
  switch (setting.vartype) {
    case 'bool':
      return booleans.has(text.toLowerCase()) ? null : 'must be a boolean: on or off';
    case 'enum': {
      const allowed = setting.enumvals ?? [];
      // PostgreSQL takes these for on and off in every such list, and shows none of them.
      const isSwitch = allowed.includes('on') && allowed.includes('off');
      return allowed.some((each) => each.toLowerCase() === text.toLowerCase()) ||
        (isSwitch && patroniBooleans.has(text.toLowerCase()))
        ? null
        : `must be one of ${allowed.join(', ')}`;
    }
    case 'integer':
    case 'real':
      return numberRule(setting, text);
    case 'string':
      // Patroni doubles backslashes, so the file's own escape for a line end cannot be written: the next start would fail.
      return /[\0\r\n]/.test(text)
        ? 'must not contain a line end or NUL: postgresql.conf, as Patroni writes it, cannot hold one'
        : null;
  }
}

function patroniRule(setting: Setting, text: string): string | null {
  const minimum = plainMinimum[setting.name];
  if (minimum !== undefined)
    return /^\d+$/.test(text) && Number(text) >= minimum
      ? null
      : `must be a whole number in plain digits from ${minimum} to ${setting.max ?? '∞'}: Patroni takes its own default for any other`;
  if (setting.name === 'wal_keep_size')
    return /^\d+ ?(?:[kMGT]?B)?$/.test(text) && (numeric(setting, text) ?? 0) >= walKeepMinimumMegabytes
      ? null
      : `must be a size of at least ${walKeepMinimumMegabytes}MB in plain digits: Patroni takes its own default for any other`;
  const least = leastMegabytes[setting.name];
  if (least !== undefined)
    return (numeric(setting, text) ?? 0) >= least
      ? null
      : `must be at least ${least}MB, two segments of WAL: with less PostgreSQL runs on, and does not start again`;
  if (setting.name === 'wal_level')
    return ['replica', 'logical'].includes(text.toLowerCase())
      ? null
      : 'must be one of replica, logical: replicas need it';
  if (setting.name === 'track_commit_timestamp')
    return patroniBooleans.has(text.toLowerCase()) ? null : 'must be a boolean: on or off';
  return null;
}

function ruleFor(major: string, name: string, value: string): string | null {
  const owner = blocked[name];
  if (owner !== undefined) return `cannot be set here: ${owner}`;
  const dot = name.indexOf('.');
  if (dot > 0) {
    if (!extensionNameGrammar.test(name)) return 'is no name of a parameter: letters, digits and _ with a dot between';
    const prefix = name.slice(0, dot);
    return knownPrefixes.has(prefix)
      ? null
      : `is a parameter of an extension called ${prefix}, which the operator does not know`;
  }
  const setting = settingOf(major, name);
  if (setting === null) return `is not a parameter of PostgreSQL ${major}`;
  if (setting.context === 'internal') return 'is fixed when PostgreSQL is built or initialised';
  return valueRule(setting, value) ?? patroniRule(setting, value);
}

/** Connections kept for some, and what PostgreSQL takes where they are not given. */
const kept: Readonly<Record<string, number>> = { superuser_reserved_connections: 3, reserved_connections: 0 };

/** What each parameter may say and not all of them together: PostgreSQL does not start where no connection is for everybody. */
function togetherProblems(major: string, parameters: Readonly<Record<string, string>>): readonly Problem[] {
  const given = new Map(Object.entries(parameters).map(([name, value]) => [name.toLowerCase(), { name, value }]));
  const numberOf = (name: string, otherwise: number): number => {
    const setting = settingOf(major, name);
    return setting === null ? 0 : (numeric(setting, given.get(name)?.value ?? '') ?? otherwise);
  };
  const all = numberOf('max_connections', 100);
  const reserved = Object.entries(kept).reduce((sum, [name, otherwise]) => sum + numberOf(name, otherwise), 0);
  const first = [...Object.keys(kept), 'max_connections']
    .map((name) => given.get(name))
    .find((each) => each !== undefined);
  if (first === undefined || reserved < all) return [];
  const rule = `leaves no connection for anybody: ${reserved} of ${all} are reserved, and PostgreSQL would not start`;
  return [{ field: `spec.postgresqlParams.${first.name}`, value: first.value, rule }];
}

/** Faults of spec.postgresqlParams for a major, by field. Values are shortened, for they end up in status. */
export function parameterProblems(major: string, parameters: Readonly<Record<string, string>>): readonly Problem[] {
  const seen = new Map<string, string>();
  const each = Object.entries(parameters).flatMap(([given, value]): Problem[] => {
    const name = given.toLowerCase();
    const field = `spec.postgresqlParams.${given}`;
    const shown = value.length > 80 ? `${value.slice(0, 77)}…` : value;
    const twin = seen.get(name);
    seen.set(name, given);
    if (twin !== undefined)
      return [{ field, value: shown, rule: `names the same parameter as ${twin}; names are not case-sensitive` }];
    const rule = ruleFor(major, name, value);
    return rule === null ? [] : [{ field, value: shown, rule }];
  });
  return each.length > 0 ? each : togetherProblems(major, parameters);
}
