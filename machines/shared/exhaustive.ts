/**
 * Proves to the compiler that every variant of a union was handled; reached only through corrupt data.
 * @param value the variant nobody expected
 * @throws always, naming the value
 */
export function assertNever(value: never): never {
  throw new Error(`unhandled variant: ${JSON.stringify(value)}`);
}
