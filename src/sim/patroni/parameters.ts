/**
 * Owns: the parameters of one PostgreSQL: what Patroni's configuration asks, what is in force, and what waits for a start.
 * Values are kept as pg_settings shows them.
 */
import type { Json } from '../json.ts';
import { at } from '../json.ts';
import { patroniDefaults, replicasFirst } from '#machines/cluster/tables/configuration.ts';
import { needsStart, settingOf } from '#src/resources/parameters/settings.ts';
import { effectiveValue } from '#src/resources/parameters/validation.ts';

export interface Parameters {
  /**
   * Starts with this configuration; false when PostgreSQL refuses to.
   * @param primaryHas what a standby may have no less of, as Patroni reads it from its control file; empty for a primary
   */
  readonly start: (config: Json, primaryHas: ReadonlyMap<string, string>) => boolean;
  /** Takes what needs no start. */
  readonly reload: (config: Json) => void;
  /** What is in force of those that no standby may have less of. */
  readonly ofPrimary: () => ReadonlyMap<string, string>;
  readonly isRestartPending: () => boolean;
  /** Lines of name, blank, value. */
  readonly shown: (names: readonly string[]) => string;
}

/** What would be in force after a start with this configuration. */
function wantedOf(major: string, config: Json): ReadonlyMap<string, string> {
  const stated = Object.entries(at(config, 'postgresql', 'parameters')).map(([name, value]): [string, string] => {
    const setting = settingOf(major, name);
    const given = String(value);
    return [name, setting === null ? given : (effectiveValue(setting, given) ?? given)];
  });
  return new Map([...Object.entries(patroniDefaults), ...stated]);
}

/** A PostgreSQL of this major that has not been started. */
export function makeParameters(major: string): Parameters {
  let inForce = new Map<string, string>();
  let wanted: ReadonlyMap<string, string> = new Map();

  return {
    start: (config, primaryHas) => {
      wanted = wantedOf(major, config);
      // No node of this world has huge pages.
      if (wanted.get('huge_pages') === 'on') return false;
      inForce = new Map(wanted);
      for (const [name, value] of primaryHas) if (Number(value) > Number(wanted.get(name))) inForce.set(name, value);
      return true;
    },
    reload: (config) => {
      wanted = wantedOf(major, config);
      const kept = [...inForce].filter(([name]) => needsStart(major, name));
      inForce = new Map([...[...wanted].filter(([name]) => !needsStart(major, name)), ...kept]);
    },
    ofPrimary: () => new Map([...replicasFirst].map((name) => [name, inForce.get(name) ?? ''])),
    isRestartPending: () => {
      const names = new Set([...wanted.keys(), ...inForce.keys()]);
      return [...names].some((name) => needsStart(major, name) && wanted.get(name) !== inForce.get(name));
    },
    shown: (names) => names.map((name) => `${name} ${inForce.get(name) ?? ''}\n${name}/boot \n`).join(''),
  };
}
