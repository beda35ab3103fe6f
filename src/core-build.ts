/**
 * Owns: what a build is: everything that decides (machines, decision, resources, the door's projection, replay's codec, xstate)
 * as one module. `npm run build` bundles it as `dist/core.cjs`; the SHA-256 of that file is the build's name, in development and
 * in a release alike. `pgc replay --with` and `pgc compare-versions` load such files.
 */
import { publishedStatus, projectCluster } from '#src/stream/door/cluster.ts';
import { maskVersion, ownershipSeen, projectObject } from '#src/stream/door/project.ts';
import { makeCore } from '#src/replay/core.ts';

/** Raised when a loader has to know about a change of what stands here. */
export const buildFormat = 1;

export { makeCore, maskVersion };

/** What passes the door decides too. */
export const door = { projectCluster, publishedStatus, projectObject, ownershipSeen };
