/** Owns: where pgc finds the operator, unless it is told otherwise. */

/** Namespace of the operator, as `deploy/base` has it. */
export const usualOperatorNamespace = 'postgres-operator-system';

/** Label selector of the operator's pods. */
export const operatorPodSelector = 'app.kubernetes.io/name=postgres-operator';
