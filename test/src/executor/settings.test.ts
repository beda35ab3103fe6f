/** What a member is asked of its parameters: what the server has, whoever asks. */
import { expect, it } from 'vitest';
import { bootKey, positionKey } from '#machines/cluster/tables/configuration.ts';
import { startedKey } from '#machines/cluster/tables/requests.ts';
import { readSettings, settingsScript } from '#src/executor/effects/sql.ts';

/**
 * Hazard: any statement_timeout was told as the 5000 that the question itself sets, application_name as psql, what concerns TCP as
 * 0: an edit with one of them was asked about for ten minutes, and taken back. Seen on PostgreSQL 15.
 */
it('what the asking session has is not what it tells', () => {
  const script = settingsScript(['statement_timeout', 'application_name']);
  const [values = ''] = /^SELECT [^;]*? \|\| coalesce[^;]*?FROM pg_settings/m.exec(script) ?? [];
  expect(values).toContain('s.reset_val');
  expect(values).not.toContain('s.setting');
});

/** Hazard: europe/berlin is shown as Europe/Berlin, utf8 as UTF8; and a time zone that is refused must not pass for the one in force. */
it('texts are told as they were written, once PostgreSQL takes them', () => {
  const script = settingsScript(['timezone']);
  expect(script).toContain("CASE s.vartype WHEN 'string' THEN f.setting END");
  expect(script).toMatch(/FROM pg_file_settings WHERE applied .*seqno DESC/);
});

it('what a member tells is taken by name, whatever else it prints', async () => {
  const output = [
    '',
    'timezone europe/berlin',
    'timezone/boot GMT',
    `${startedKey} 17.5`,
    `${positionKey} 9`,
    'x y',
    '',
  ];
  const request = {
    type: 'sql',
    namespace: 'n',
    pod: 'p',
    container: 'c',
    procedure: 'read-settings',
    arguments: { names: 'timezone' },
    secret: null,
  } as const;
  const outcome = await readSettings(request, async () => ({ exitCode: 0, output: output.join('\n'), errors: '' }));
  const result = { timezone: 'europe/berlin', [bootKey('timezone')]: 'GMT', [startedKey]: '17.5', [positionKey]: '9' };
  expect(outcome).toEqual({ type: 'done', result });
});
