/**
 * Hazard: `default_transaction_read_only` is a parameter like any other, and safe to set; with it the database of the application
 * was never made, and no password was ever changed: sessions of the operator were read-only too.
 */
import { expect, it } from 'vitest';
import { alterScript } from '#src/executor/effects/passwords.ts';
import { databaseScript } from '#src/executor/effects/sql.ts';

it.each([
  ['passwords', alterScript([{ role: 'postgres', verifier: 'v' }])],
  ['the database', databaseScript('app', 'app', 'v')],
  ['the database, on a later timeline', databaseScript('app', 'app', 'v', true)],
])('a session that writes %s says first that it may', (_, script) => {
  const first = script.search(/CREATE|ALTER|BEGIN/);
  expect(script.indexOf('SET default_transaction_read_only = off;')).toBeGreaterThan(0);
  expect(first).toBeGreaterThan(script.indexOf('SET default_transaction_read_only = off;'));
});
