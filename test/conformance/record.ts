/**
 * Owns: `npm run conformance:record`: gives every play on a real control plane and writes down what its controllers did, for
 * `recorded.test.ts` to hold the models to.
 */
import { writeFileSync } from 'node:fs';
import { startControlPlane } from '#test/cluster/control-plane.ts';
import { give, lateClaims, plays } from './plays.ts';
import { realServer } from './sides.ts';
import { realStage } from './stages.ts';

const plane = await startControlPlane(() => undefined, ['controllers']);
const real = realServer(plane.kubeconfig);
try {
  for (const [name, scenes] of Object.entries(plays)) {
    const stage = await realStage(real, `record-${name}`);
    const phases = await give(stage, scenes);
    const late = lateClaims(stage.told());
    if (late.length > 0) throw new Error(`members came before their claims: ${late.join(', ')}`);
    stage.end();
    const file = new URL(`recorded/${name}.json`, import.meta.url).pathname;
    writeFileSync(file, `${JSON.stringify(phases, null, 1)}\n`);
    process.stdout.write(`${name}: ${phases.length} phases\n`);
  }
} finally {
  await real.close();
  await plane.stop();
}
