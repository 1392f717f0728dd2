// How a node's process ends when it does not drain; docs/OPERATIONS.md says what to do about each.

/** Exit codes of nodes. */
export const ExitCode = {
  badSettings: 2,
  /** A bug: a core or the code around it met what cannot be. */
  brokenInvariant: 70,
  /** What the node kept is not what it wrote. */
  damagedData: 74,
  /** The state of this node is not what the others have; see stop-marker.ts. */
  toldToStop: 76,
} as const;
