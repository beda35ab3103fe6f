/**
 * Owns: bytes into lines at 0x0A, and nothing else: a splitter that knows other line ends would cut JSON strings that
 * contain them and lose the event.
 */

/** Far above the largest object that an API server takes, far below what would hurt. */
export const lineBytesMax = 16 * 1024 * 1024;

/**
 * Lines of a byte stream, without their ends. Memory is bounded: a line over the limit ends the generator.
 * @returns `tooLong` when it was such a line; nothing is said of a half line at the end
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number = lineBytesMax,
): AsyncGenerator<string, { readonly tooLong: boolean }> {
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a, start); end >= 0; end = chunk.indexOf(0x0a, start)) {
      parts.push(chunk.subarray(start, end));
      yield Buffer.concat(parts).toString('utf8');
      parts = [];
      held = 0;
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
    held += chunk.length - start;
    if (held > bytesMax) return { tooLong: true };
  }
  return { tooLong: false };
}
