// Turns of an event loop are numbered to tell frames apart, from 1 on; frames carry the numbers in 32 bits.

const LAST_TURN = 0xffff_ffff;

/** The turn after this one: the first again after the last, which a loop reaches in weeks. */
export function turnAfter(turn: number): number {
  return turn === LAST_TURN ? 1 : turn + 1;
}
