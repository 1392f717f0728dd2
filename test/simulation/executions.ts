// What replicas executed, seen through a rule that every execution asks: an id twice on one replica, and what was
// promised to be there and never was. Histories show such things only where somebody happens to read the key.

import { describeId } from '../../protocol/command.js';
import type { CommandId } from '../../protocol/messages.js';
import type { ReplicaRules } from '../../protocol/replica/rules.js';

/** The executions of one run. */
export class Executions {
  /** What went wrong, as sentences. */
  readonly faults: string[] = [];
  /** Highest seq executed by any replica, by session; log order is session order. */
  private readonly furthest = new Map<number, number>();

  /** The rules of one replica's life, with an eye on them. */
  watch(rules: ReplicaRules): ReplicaRules {
    const own = new Map<number, number>();
    return {
      ...rules,
      forgetsThrough: (command) => {
        const { session, seq } = command;
        if (seq <= (own.get(session) ?? 0)) this.faults.push(`${describeId(command)} was executed twice on a replica`);
        else own.set(session, seq);
        this.furthest.set(session, Math.max(seq, this.furthest.get(session) ?? 0));
        return rules.forgetsThrough(command);
      },
    };
  }

  /** Whether some replica executed a write. */
  has({ session, seq }: CommandId): boolean {
    return seq <= (this.furthest.get(session) ?? 0);
  }
}
