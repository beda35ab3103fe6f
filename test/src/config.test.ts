/** Settings: flags win, wrong values are refused with setting, value and rule. */
import { describe, expect, it } from 'vitest';
import { readConfig } from '#src/config.ts';

describe('settings', () => {
  it('have defaults that are valid', () => expect(readConfig([], {}).operator.defaultDcs).toBe('Endpoints'));
  it('prefer a flag to the environment', () => {
    expect(readConfig(['--journal', '/a'], { OPERATOR_JOURNAL: '/b' }).journal).toBe('/a');
    expect(readConfig(['--journal=/c'], {}).journal).toBe('/c');
  });
  it.each([
    [['--nope'], '--nope'],
    [['--journal'], 'needs a value'],
    [['--default-dcs', 'etcd'], 'Endpoints, ConfigMaps'],
    [['--images', '[]'], 'JSON object'],
    [['--http-address', 'here'], 'address with a port'],
    [['--create-deadline', '1'], 'at least 10 seconds'],
  ])('%j is refused', (argv, words) => expect(() => readConfig(argv, {})).toThrow(words));
});
