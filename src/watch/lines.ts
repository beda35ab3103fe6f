/**
 * Owns: bytes into lines at 0x0A, and nothing else: a splitter that knows other line ends would cut JSON strings that
 * contain them and lose the event.
 */

/** Lines of a byte stream, without their ends. @returns the bytes after the last line end, if any, as `rest` of the return value */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, { readonly rest: number }> {
  let parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a, start); end >= 0; end = chunk.indexOf(0x0a, start)) {
      parts.push(chunk.subarray(start, end));
      yield Buffer.concat(parts).toString('utf8');
      parts = [];
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  return { rest: parts.reduce((sum, part) => sum + part.length, 0) };
}
