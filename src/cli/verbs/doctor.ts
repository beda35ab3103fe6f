/** Owns: `pgc doctor`: whether Kubernetes, the operator and the clusters are set up so that nothing is in the way. It changes nothing. */
import { Option, type Command } from 'commander';
import { apiVersion } from '#machines/shared/names.ts';
import { definition } from '#src/sim/api/kinds.ts';
import { print } from '../command.ts';
import { diagnose } from '../doctor/diagnosis.ts';
import { examine } from '../doctor/examine.ts';
import { findingLines, isTrouble } from '../doctor/finding.ts';
import type { Definition, Schema } from '../doctor/objects.ts';
import { operatorRules } from '../doctor/rights.ts';
import { liveVerb } from '../live.ts';
import { usualOperatorNamespace } from '../operator.ts';

/** The schema of a PostgresCluster that this build was made with. */
function ownSchema(): Schema {
  const { spec } = definition() as unknown as Definition;
  return spec.versions.find(({ name }) => apiVersion.endsWith(`/${name}`))?.schema?.openAPIV3Schema ?? {};
}

/** Adds `doctor`. */
export function addDoctor(program: Command): void {
  liveVerb(
    program,
    'doctor [name]',
    'what is set up so that it hinders the operator, or will hurt one day',
    async (live, [name], own) => {
      const given = own['namespace'];
      const seen = await examine(live.kube, {
        operatorNamespace: String(own['operatorNamespace']),
        leaseName: String(own['leaseName']),
        namespace: typeof given === 'string' ? given : null,
        usualNamespace: live.namespace,
        name: name ?? null,
        rules: operatorRules(),
      });
      const findings = diagnose(seen, ownSchema());
      if (own['output'] === 'json') print(JSON.stringify(findings, null, 2));
      else if (own['output'] === 'ndjson') for (const each of findings) print(JSON.stringify(each));
      else for (const line of findingLines(findings)) print(line);
      return isTrouble(findings) ? 1 : 0;
    },
  )
    .option('--operator-namespace <name>', 'where the operator runs', usualOperatorNamespace)
    .option('--lease-name <name>', 'the Lease that it leads by', 'postgres-operator')
    .addOption(
      new Option('-o, --output <format>', 'how the answer is written')
        .choices(['table', 'json', 'ndjson'])
        .default('table'),
    );
}
