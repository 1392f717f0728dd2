// Every quorum size of the system, derived from n replicas, m witnesses and the fast quorum q. Nowhere else is a
// quorum computed. The oracle test enumerates all subsets for small sizes.

/** Sizes that follow from one cluster shape. */
export interface Quorums {
  /** Replicas (2f+1). */
  replicas: number;
  /** Witnesses (m). */
  witnesses: number;
  /** Witness accepts that complete a strong write next to the leader's word (q). */
  fast: number;
  /** Replicas that commit a slot, fence an epoch or confirm a leader. */
  majority: number;
  /** Fewest sealed witnesses from which a completed command can be recovered (k). */
  recovery: number;
  /** Copies among `recovery` sealed witnesses that every completed strong command has at least (t). */
  copies: number;
  /** True if each accept is needed (q = m): replay is one witness's arrival order and no dependencies are recorded. */
  unanimous: boolean;
}

/**
 * Derives all sizes. A completed command misses at most m−q witnesses, so of any k sealed ones at least k−(m−q) hold
 * it; two commands that conflict cannot both be on q, and k+q > m keeps a late record out of the recovered set.
 * @throws RangeError naming the value that cannot work.
 */
export function createQuorums(shape: { replicas: number; witnesses: number; fastQuorum: number }): Quorums {
  const { replicas, witnesses, fastQuorum } = shape;
  if (!Number.isInteger(replicas) || replicas < 1 || replicas % 2 === 0) {
    throw new RangeError(`replicas must be an odd number from 1, not ${replicas}`);
  }
  if (!Number.isInteger(witnesses) || witnesses < 1) {
    throw new RangeError(`witnesses must be a whole number from 1, not ${witnesses}`);
  }
  if (!Number.isInteger(fastQuorum) || fastQuorum > witnesses || 2 * fastQuorum <= witnesses) {
    throw new RangeError(
      `fastQuorum must be more than half of ${witnesses} witnesses and at most all, not ${fastQuorum}`,
    );
  }
  const missing = witnesses - fastQuorum;
  const recovery = Math.max(2 * missing + 1, witnesses - fastQuorum + 1);
  if (recovery > witnesses) {
    throw new RangeError(`fastQuorum ${fastQuorum} of ${witnesses} witnesses leaves nothing to recover from`);
  }
  return {
    replicas,
    witnesses,
    fast: fastQuorum,
    majority: majorityOfCount(replicas),
    recovery,
    copies: recovery - missing,
    unanimous: missing === 0,
  };
}

/** More than half of so many replicas. */
export function majorityOfCount(replicas: number): number {
  return Math.floor(replicas / 2) + 1;
}

/** The fast quorum a cluster of `witnesses` uses unless told: all up to three, ⌈3m/4⌉ beyond. */
export function defaultFastQuorum(witnesses: number): number {
  return witnesses <= 3 ? witnesses : Math.ceil((3 * witnesses) / 4);
}
