/** Settings: flags win, wrong values are refused with setting, value and rule. */
import { readFileSync } from 'node:fs';
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
    [['--http-address', '[::1:8080'], 'address with a port'],
    [['--api-address', '0.0.0.0:8081'], 'loopback'],
    [['--api-address', '[::]:8081'], 'loopback'],
    [['--api-address', '10.0.0.1:8081'], 'loopback'],
    [['--api-address', '127.0.0.1.example.org:8081'], 'loopback'],
    [['--journal-bytes', '4096'], 'at least 1048576 bytes'],
    [['--create-deadline', '1'], 'at least 10 seconds'],
    // What a variable that is not set leaves of a manifest: a journal in memory, and no bounds.
    [['--journal='], 'is no path of a file'],
    [['--journal=:memory:'], 'is no path of a file'],
    [['--journal-keep-bytes='], 'at least 1048576 bytes'],
    [['--journal-bytes', ' '], 'at least 1048576 bytes'],
    [['--max-disruptions', ' '], 'whole number of clusters'],
    // A list of a namespace that cannot be is empty, and nothing would be watched without a word.
    [['--namespaces', 'team-a team-b'], 'is no name of a namespace'],
    [['--namespaces', 'Team'], 'is no name of a namespace'],
    [['--lease-namespace='], 'is no name of a namespace'],
    [['--lease-name='], 'is no name of a Lease'],
  ])('%j is refused', (argv, words) => expect(() => readConfig(argv, {})).toThrow(words));
  it('take an address in brackets as the one that a server listens on', () =>
    expect(readConfig(['--http-address', '[::]:8080'], {}).http).toEqual({ host: '::', port: 8080 }));
  it.each(['127.0.0.1:0', '127.8.0.1:1', '[::1]:8081', 'localhost:8081'])('take %s for the journal API', (address) =>
    expect(readConfig(['--api-address', address], {}).api.port).toBe(Number(address.split(':').at(-1))),
  );
  it('leave room on the volume of deploy/ for the journal’s log, its ballast, and what comes between two prunings', () => {
    const manifest = readFileSync(new URL('../../deploy/base/operator.yaml', import.meta.url), 'utf8');
    const [, gibibytes] = /name: postgres-operator-journal }[^]*?storage: (\d+)Gi/.exec(manifest) ?? [];
    const { fileBytes = Infinity } = readConfig([], {}).keep;
    expect(fileBytes + 192 * 2 ** 20).toBeLessThan(Number(gibibytes) * 2 ** 30);
    expect(readConfig(['--journal-bytes', '0'], {}).keep.fileBytes).toBe(Infinity);
  });
  it('watch a namespace that is named twice once', () =>
    expect(readConfig(['--namespaces', 'a,b, a'], {}).namespaces).toEqual(['a', 'b']));
});
