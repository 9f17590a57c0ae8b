// SPDX-License-Identifier: MIT
/** The histogram of core/variation.h: four buckets per octave of 16.384 µs, the first four of that width. */

const UNIT_SECONDS = 2 ** 14 / 1e9;
const PER_OCTAVE = 4;

/** Where a bucket begins; seconds. */
export function bucketBegin(bucket: number): number {
  if (bucket < PER_OCTAVE) return bucket * UNIT_SECONDS;
  const octave = Math.floor(bucket / PER_OCTAVE) - 1;
  return (PER_OCTAVE + (bucket % PER_OCTAVE)) * 2 ** octave * UNIT_SECONDS;
}

/** Seconds that the fraction `q` of the counted does not exceed, as if each bucket were evenly filled. */
export function quantile(counts: Float64Array, q: number): number {
  const rank = q * counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const [begin, end] = [bucketBegin(bucket), bucketBegin(bucket + 1)];
      return begin + ((end - begin) * (rank - below)) / count;
    }
    below += count;
  }
  return 0;
}
