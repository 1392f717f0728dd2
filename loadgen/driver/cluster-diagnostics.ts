// Asks the processes of a cluster for their diagnostics: whoever is a member by the cluster's own word, wherever it runs, and
// the coordinators that the target names. Every question has a deadline, and who does not answer is named. Knows nothing of
// windows and of what the figures say.

import { type CallOptions, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { CoordinatorLink } from '../../client/transport/coordinator-link.js';
import {
  DiagnosticsClient,
  type DiagnosticsSnapshot,
  type ResetResponse,
  type SnapshotResponse,
} from '../../proto/gen/curpho/v1/diagnostics.js';
import type { WindowDiagnostics } from '../outcome/diagnostics.js';

/** How long a process may take to answer. One that is busy answers late and still tells of itself alone. */
const ANSWER_MS = 2000;
const FIND_MS = 2000;

type Missing = WindowDiagnostics['missing'][number];

/** A process as the cluster names it. */
export interface ClusterProcess {
  role: string;
  /** Empty for a coordinator until it says. */
  nodeId: string;
  /** host:port */
  address: string;
}

/** A process that counts from a moment of ours on. */
interface BegunProcess {
  process: ClusterProcess;
  resets: number;
}

type Answer<T> = (error: ServiceError | null, response: T) => void;
type Ask<T> = (client: DiagnosticsClient, options: Partial<CallOptions>, answer: Answer<T>) => void;

/** The diagnostics of one cluster, from one reset to one collection at a time. */
export class ClusterDiagnostics {
  readonly #targets: readonly string[];
  readonly #answerMs: number;
  readonly #clients = new Map<string, DiagnosticsClient>();
  readonly #link: CoordinatorLink;
  /** As they were found last. */
  #known: ClusterProcess[] | null = null;
  #begun: BegunProcess[] = [];
  #missing: Missing[] = [];

  /** `target` is coordinators' addresses, separated by commas. */
  constructor(target: string, answerMs = ANSWER_MS) {
    this.#targets = target.split(',').map((address) => address.trim());
    this.#answerMs = answerMs;
    this.#link = new CoordinatorLink(this.#targets, '');
  }

  /** Finds out who is a member now. Members that were known stay so while nobody tells of others. */
  async find(): Promise<void> {
    this.#missing = [];
    try {
      const { replicas, witnesses } = await this.#link.getConfig(FIND_MS);
      const nodes = (role: string, members: readonly { id: string; address: string }[]): ClusterProcess[] =>
        members.map(({ id, address }) => ({ role, nodeId: id, address }));
      this.#known = [...nodes('replica', replicas), ...nodes('witness', witnesses)];
    } catch (error) {
      if (this.#known !== null) return;
      const reason = `its members could not be learnt: ${describe(error)}`;
      this.#missing.push({ role: 'cluster', nodeId: '', address: this.#targets.join(','), reason });
    }
  }

  /** Has all of them count anew. */
  async reset(): Promise<void> {
    this.#begun = [];
    const coordinators = this.#targets.map((address) => ({ role: 'coordinator', nodeId: '', address }));
    await Promise.all(
      [...coordinators, ...(this.#known ?? [])].map(async (process) => {
        try {
          const { resets } = await this.#ask<ResetResponse>(process, (client, options, answer) =>
            client.reset({}, new Metadata(), options, answer),
          );
          this.#begun.push({ process, resets });
        } catch (error) {
          this.#missing.push({ ...process, reason: `did not begin to count: ${describe(error)}` });
        }
      }),
    );
  }

  /** What those told that began to count, and who did not. In an order that does not depend on who answered first. */
  async collect(): Promise<Pick<WindowDiagnostics, 'snapshots' | 'missing'>> {
    const snapshots: DiagnosticsSnapshot[] = [];
    await Promise.all(
      this.#begun.map(async ({ process, resets }) => {
        try {
          const { snapshot } = await this.#ask<SnapshotResponse>(process, (client, options, answer) =>
            client.snapshot({}, new Metadata(), options, answer),
          );
          const problem = describeMismatch(snapshot, resets);
          if (snapshot !== undefined && problem === null) snapshots.push(snapshot);
          else this.#missing.push({ ...process, reason: problem ?? '' });
        } catch (error) {
          this.#missing.push({ ...process, reason: `did not answer: ${describe(error)}` });
        }
      }),
    );
    const inOrder = <T extends { role: string; nodeId: string }>(one: T, other: T): number =>
      compareTexts(one.role, other.role) || compareTexts(one.nodeId, other.nodeId);
    return { snapshots: snapshots.sort(inOrder), missing: this.#missing.toSorted(inOrder) };
  }

  /** Lets go of all processes. */
  close(): void {
    this.#link.close();
    for (const client of this.#clients.values()) client.close();
  }

  #ask<T>({ address }: ClusterProcess, ask: Ask<T>): Promise<T> {
    let client = this.#clients.get(address);
    client ??= new DiagnosticsClient(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      'grpc.enable_http_proxy': 0,
    });
    this.#clients.set(address, client);
    const asked = client;
    return new Promise((resolve, reject) => {
      ask(asked, { deadline: Date.now() + this.#answerMs }, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }
}

/** Why a snapshot is not of the time since our reset; null if it is. */
function describeMismatch(snapshot: DiagnosticsSnapshot | undefined, resets: number): string | null {
  if (snapshot === undefined) return 'answered without a snapshot';
  if (snapshot.resets === resets) return null;
  return snapshot.resets > resets ? 'somebody else reset it in the window' : 'was started anew in the window';
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && 'details' in error && typeof error.code === 'number') {
    return `${status[error.code]} ${String(error.details)}`;
  }
  return error.message;
}

function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
