/** Cuts a body of any chunks into the parts of a multipart upload. */
const MIB = 2 ** 20;
/** S3 wants 5 MiB at least except for the last part, and takes 10,000 parts at most. */
const SMALL_PART = 16 * MIB;
const LARGE_PART = 64 * MIB;
/** This many small parts (16 GiB) come first; the rest are large ones, for 578 GiB in all. */
const SMALL_PARTS = 1000;

export interface BodyPart {
  part: Uint8Array;
  last: boolean;
}

/** At least one part, the only one that may be empty or short being the last. Holds two parts' worth of memory at most. */
export async function* partsOf(body: AsyncIterable<Uint8Array>, small = SMALL_PART): AsyncGenerator<BodyPart> {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let count = 0;
  for await (const chunk of body) {
    let rest = chunk;
    const size = () => (count < SMALL_PARTS ? small : LARGE_PART);
    // Strictly more: the last part is never empty.
    while (bytes + rest.byteLength > size()) {
      const fits = size() - bytes;
      yield { part: Buffer.concat([...chunks, rest.subarray(0, fits)]), last: false };
      rest = rest.subarray(fits);
      chunks = [];
      bytes = 0;
      count += 1;
    }
    if (rest.byteLength > 0) chunks.push(rest);
    bytes += rest.byteLength;
  }
  yield { part: Buffer.concat(chunks), last: true };
}
