/** Owns: PostgreSQL's own table of parameters, per major, as checked in beside this file, and what it lacks of extensions. */
import settings15 from './pg-settings-15.json' with { type: 'json' };
import settings16 from './pg-settings-16.json' with { type: 'json' };
import settings17 from './pg-settings-17.json' with { type: 'json' };
import settings18 from './pg-settings-18.json' with { type: 'json' };

/** One row of pg_settings. */
export interface Setting {
  readonly name: string;
  readonly vartype: 'bool' | 'integer' | 'real' | 'string' | 'enum';
  /** `8kB`, `ms`, …; null for plain numbers. */
  readonly unit: string | null;
  readonly min: string | null;
  readonly max: string | null;
  readonly enumvals: readonly string[] | null;
  /** When a change takes effect: `postmaster` needs a restart, `sighup` a reload. */
  readonly context: string;
}

const byMajor: Readonly<Record<string, ReadonlyMap<string, Setting>>> = Object.fromEntries(
  Object.entries({ '15': settings15, '16': settings16, '17': settings17, '18': settings18 }).map(([major, list]) => [
    major,
    new Map((list as readonly Setting[]).map((setting) => [setting.name.toLowerCase(), setting])),
  ]),
);

/** The setting called `name` in that major; null when PostgreSQL does not know it. */
export function settingOf(major: string, name: string): Setting | null {
  return byMajor[major]?.get(name) ?? null;
}

/** Parameters of extensions that the images load which take effect only when PostgreSQL starts. */
const extensionStarts: ReadonlySet<string> = new Set([
  'cron.database_name',
  'cron.host',
  'cron.log_run',
  'cron.log_statement',
  'cron.max_running_jobs',
  'cron.timezone',
  'cron.use_background_workers',
  'pg_prewarm.autoprewarm',
  'pg_stat_statements.max',
  'timescaledb.bgw_launcher_poll_time',
  'timescaledb.max_background_workers',
]);

/** Whether a parameter takes effect only when PostgreSQL starts. */
export function needsStart(major: string, name: string): boolean {
  return settingOf(major, name)?.context === 'postmaster' || extensionStarts.has(name);
}
