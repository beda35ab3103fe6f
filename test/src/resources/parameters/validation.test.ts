import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveValue, parameterProblems } from '#src/resources/parameters/validation.ts';
import { settingOf } from '#src/resources/parameters/settings.ts';

function told(name: string, value: string): string | null {
  const setting = settingOf('17', name);
  if (setting === null) throw new Error(`no ${name}`);
  return effectiveValue(setting, value);
}

const rule = (name: string, value: string, major = '17'): string =>
  parameterProblems(major, { [name]: value })
    .map((problem) => problem.rule)
    .join('; ');

describe('a parameter is accepted', () => {
  it.each([
    ['work_mem', '64MB'],
    ['work_mem', '65536'],
    ['work_mem', ' 1.5GB '],
    ['WORK_MEM', '64MB'],
    ['shared_buffers', '128kB'],
    ['checkpoint_timeout', '15min'],
    ['checkpoint_completion_target', '0.9'],
    ['random_page_cost', '1.1'],
    ['seq_page_cost', '1e0'],
    ['autovacuum', 'off'],
    ['autovacuum', 'TRUE'],
    ['synchronous_commit', 'remote_apply'],
    ['synchronous_commit', 'true'],
    ['log_min_duration_statement', '-1'],
    ['DateStyle', 'ISO, DMY'],
    ['search_path', `"a'b", public`],
    ['pg_stat_statements.track', 'all'],
    ['max_connections', '25'],
    ['wal_keep_size', '1GB'],
    ['wal_level', 'logical'],
    ['track_commit_timestamp', 'on'],
  ])('%s = %j', (name, value) => expect(rule(name, value)).toBe(''));
});

describe('a parameter is refused with the rule it breaks', () => {
  it.each([
    ['work_memm', '64MB', /is not a parameter of PostgreSQL 17/],
    ['work_mem', '63', /integer from 64 to 2147483647 \(in kB\)/],
    ['work_mem', '64 apples', /integer from 64/],
    ['work_mem', '64mb', /integer from 64/],
    ['work_mem', '', /integer from 64/],
    ['work_mem', '4TB', /integer from 64/],
    ['max_connections', '100MB', /integer/],
    ['random_page_cost', '-1', /number from 0/],
    ['autovacuum', 'o', /boolean/],
    ['autovacuum', 'maybe', /boolean/],
    ['synchronous_commit', 'always', /one of local, remote_write/],
    ['server_version', '9', /fixed when PostgreSQL is built/],
    ['listen_addresses', '*', /cannot be set here: Patroni/],
    ['PORT', '5433', /cannot be set here: Patroni/],
    ['archive_command', 'true', /spec\.backup/],
    ['hba_file', '/x', /spec\.pgHba/],
    ['ssl_key_file', '/x', /spec\.tls/],
    ['data_directory', '/x', /image decides/],
    ['transaction_read_only', 'on', /default_transaction_read_only/],
    ['fsync', 'off', /loses the database/],
    ['unheard.of', '1', /extension called unheard/],
    ['pgaudit.log\nfsync', 'off', /is no name of a parameter/],
    ["pgaudit.x = 'y' #", '1', /is no name of a parameter/],
    ['search_path', 'a\u0000b', /NUL/],
  ])('%j = %j', (name, value, expected) => expect(rule(name, value)).toMatch(expected));

  it('when PostgreSQL would take it and Patroni would put its default in its place', () => {
    expect(rule('max_connections', '24')).toMatch(/from 25/);
    expect(rule('max_connections', '0x64')).toMatch(/plain digits/);
    expect(rule('max_wal_senders', '2')).toMatch(/from 3/);
    expect(rule('wal_keep_size', '8MB')).toMatch(/at least 16MB/);
    expect(rule('wal_level', 'minimal')).toMatch(/replicas need it/);
    expect(rule('track_commit_timestamp', 't')).toMatch(/on or off/);
  });

  // Hazard: it was taken for a hundred connections, and PostgreSQL started with 64.
  it('when PostgreSQL would read it as octal', () => {
    expect(rule('max_connections', '0100')).toMatch(/octal/);
    expect(rule('work_mem', '0100')).toMatch(/octal/);
    expect(rule('work_mem', '0100kB')).toMatch(/octal/);
    expect(rule('log_file_mode', '0640')).toBe('');
    expect(rule('log_file_mode', '0990')).toMatch(/octal/);
    expect(rule('log_file_mode', '01000')).toMatch(/from 0 to 511/);
    expect(rule('max_wal_senders', '0')).not.toMatch(/octal/);
    expect(rule('random_page_cost', '01.5')).toBe('');
  });

  it('when it is named twice', () => {
    const problems = parameterProblems('17', { work_mem: '64MB', Work_Mem: '32MB' });
    expect(problems).toEqual([
      {
        field: 'spec.postgresqlParams.Work_Mem',
        value: '32MB',
        rule: expect.stringContaining('same parameter as work_mem'),
      },
    ]);
  });

  it('by the table of its own major', () => {
    expect(rule('promote_trigger_file', '/x', '15')).toMatch(/Patroni promotes/);
    expect(rule('vacuum_buffer_usage_limit', '1MB', '15')).toMatch(/not a parameter of PostgreSQL 15/);
    expect(rule('vacuum_buffer_usage_limit', '1MB', '16')).toBe('');
    expect(rule('summarize_wal', 'on', '16')).toMatch(/not a parameter/);
    expect(rule('summarize_wal', 'on', '17')).toBe('');
    expect(rule('io_method', 'worker', '17')).toMatch(/not a parameter/);
    expect(rule('io_method', 'worker', '18')).toBe('');
  });
});

/** Hazard: what PostgreSQL rounds or replaces never counted as in force, and the edit was taken back. All as PostgreSQL 15 has it. */
describe('what a member tells of a valid value', () => {
  it.each([
    ['work_mem', '1.1GB', '1153024'],
    ['work_mem', '64.3MB', '65843'],
    ['shared_buffers', '1.1GB', '144128'],
    ['work_mem', '0x1000kB', '4096'],
    ['max_stack_depth', '100000.5', '100000'],
    ['checkpoint_timeout', '90.5s', '90'],
    ['log_rotation_age', '150s', '2'],
    ['log_rotation_age', '90s', '2'],
    ['statement_timeout', '1.1h', '3960000'],
    ['statement_timeout', '2500us', '2'],
    ['vacuum_cost_delay', '1500us', '1.5'],
    ['vacuum_cost_delay', '700us', '0.7'],
    ['cpu_tuple_cost', '0.0123456789', '0.0123457'],
    ['cpu_tuple_cost', '123456.7', '123457'],
    ['tcp_user_timeout', '30s', '30000'],
    ['timezone', 'europe/berlin', 'europe/berlin'],
    ['wal_compression', 'LZ4', 'lz4'],
    ['wal_buffers', '4MB', '512'],
  ])('%s = %j is %s', (name, value, expected) => expect(told(name, value)).toBe(expected));

  it.each([
    ['wal_compression', 'on'],
    ['wal_buffers', '-1'],
    ['wal_buffers', '0'],
    ['autovacuum_work_mem', '100'],
    ['transaction_buffers', '0'],
    ['random_page_cost', '100000.5'],
  ])('%s = %j is known to PostgreSQL alone', (name, value) => expect(told(name, value)).toBeNull());
});

describe('the tables of settings', () => {
  it.each(['15', '16', '17', '18'])('of PostgreSQL %s know the common ones with their units', (major) => {
    expect(settingOf(major, 'shared_buffers')).toMatchObject({
      vartype: 'integer',
      unit: '8kB',
      context: 'postmaster',
    });
    expect(settingOf(major, 'checkpoint_timeout')).toMatchObject({ vartype: 'integer', unit: 's' });
    expect(settingOf(major, 'datestyle')).toMatchObject({ vartype: 'string' });
    expect(settingOf(major, 'wal_level')?.enumvals).toContain('logical');
  });
});

describe('what is told of a parameter', () => {
  it('is short, for it ends up in status', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (value) => {
        for (const problem of parameterProblems('17', { work_mem: value }))
          expect(String(problem.value).length).toBeLessThanOrEqual(80);
      }),
    );
  });

  it('any whole number within the range is accepted, any beyond is refused', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000, max: 2_147_483_647 }), (value) => {
        expect(rule('work_mem', String(value)) === '').toBe(value >= 64);
      }),
    );
  });
});

describe('what PostgreSQL takes while it runs, and does not start with', () => {
  it.each([
    ['min_wal_size', '16MB'],
    ['min_wal_size', '2'],
    ['max_wal_size', '31MB'],
  ])('%s = %s is refused', (name, value) => expect(rule(name, value)).toMatch(/at least 32MB.*does not start again/));

  it.each([
    ['min_wal_size', '32MB'],
    ['min_wal_size', '32'],
    ['max_wal_size', '1GB'],
  ])('%s = %s is taken', (name, value) => expect(rule(name, value)).toBe(''));
});

describe('connections that are reserved', () => {
  const problems = (parameters: Readonly<Record<string, string>>, major = '17'): readonly string[] =>
    parameterProblems(major, parameters).map(({ field, rule: because }) => `${field} ${because}`);

  it.each([
    [{ superuser_reserved_connections: '100' }],
    [{ Superuser_Reserved_Connections: '50', reserved_connections: '50' }],
    [{ max_connections: '30', superuser_reserved_connections: '29', reserved_connections: '1' }],
    [{ max_connections: '25', reserved_connections: '22' }],
  ])('are not all of them: %o', (parameters) => {
    expect(problems(parameters)).toEqual([
      expect.stringMatching(/^spec\.postgresqlParams\.\S+ leaves no connection for anybody/i),
    ]);
  });

  it.each([
    [{ superuser_reserved_connections: '99' }],
    [{ max_connections: '25' }],
    [{ max_connections: '300', superuser_reserved_connections: '100', reserved_connections: '100' }],
    [{}],
  ])('leave one: %o', (parameters) => expect(problems(parameters)).toEqual([]));

  it('are only those that the major knows', () =>
    expect(problems({ superuser_reserved_connections: '99' }, '15')).toEqual([]));
});
