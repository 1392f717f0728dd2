// The numbers that a service keeps of itself, sorted: what only grows is told as a difference since the last reset, what goes
// up and down as a value that is looked at now and again, what is a highest value as it is. Knows no service and no name.

import type { Gauge, TrafficFigures } from '../proto/gen/curpho/v1/diagnostics.js';

/**
 * What a number is:
 *
 * - `counter`: only grows from the beginning of the process.
 * - `gauge`: goes up and down.
 * - `peak`: the highest value since the source was told to forget the one before.
 */
export type StatKind = 'counter' | 'gauge' | 'peak';

/** Kinds by the names of numbers. */
export type StatKinds = Readonly<Record<string, StatKind>>;

/** Where the numbers of a service come from. Asked several times a second, so asking has to be cheap. */
export interface FigureSource {
  /** All numbers of the service, from its beginning. Each name is in `kinds`; one that is not passes for a gauge. */
  stats: () => Readonly<Record<string, number>>;
  kinds: StatKinds;
  /** Frames from the beginning of the service. */
  traffic: () => TrafficFigures;
  /** Forgets the highest values; from now on `stats` tells those to come. */
  resetPeaks?: () => void;
}

/** The part of a snapshot that is made of a service's numbers. */
export interface ServiceFigures {
  traffic: TrafficFigures;
  counters: Record<string, number>;
  gauges: Record<string, Gauge>;
  peaks: Record<string, number>;
}

const NO_TRAFFIC: TrafficFigures = {
  framesIn: 0,
  framesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  operationFrames: 0,
  operations: 0,
};

/** What was seen of one gauge. */
interface Looks {
  count: number;
  sum: number;
  max: number;
}

/** The numbers of one service since the last reset. */
export class FigureWatch {
  private base: Readonly<Record<string, number>> = {};
  private trafficBase = NO_TRAFFIC;
  private readonly looks = new Map<string, Looks>();

  constructor(private readonly source: FigureSource) {}

  reset(): void {
    this.base = { ...this.source.stats() };
    this.trafficBase = { ...this.source.traffic() };
    this.source.resetPeaks?.();
    this.looks.clear();
  }

  /** Has a look at the gauges. */
  look(): void {
    for (const [name, value] of Object.entries(this.source.stats())) {
      if (this.kindOf(name) !== 'gauge') continue;
      const seen = this.looks.get(name);
      if (seen === undefined) {
        this.looks.set(name, { count: 1, sum: value, max: value });
        continue;
      }
      seen.count++;
      seen.sum += value;
      seen.max = Math.max(seen.max, value);
    }
  }

  read(): ServiceFigures {
    const figures: ServiceFigures = {
      traffic: trafficSince(this.source.traffic(), this.trafficBase),
      counters: {},
      gauges: {},
      peaks: {},
    };
    for (const [name, value] of Object.entries(this.source.stats())) {
      switch (this.kindOf(name)) {
        case 'counter':
          figures.counters[name] = grownSince(value, this.base[name] ?? 0);
          break;
        case 'peak':
          figures.peaks[name] = value;
          break;
        case 'gauge':
          figures.gauges[name] = this.gaugeOf(name, value);
          break;
      }
    }
    return figures;
  }

  private kindOf(name: string): StatKind {
    return this.source.kinds[name] ?? 'gauge';
  }

  private gaugeOf(name: string, now: number): Gauge {
    const seen = this.looks.get(name);
    return seen === undefined
      ? { now, mean: now, max: now }
      : { now, mean: seen.sum / seen.count, max: Math.max(now, seen.max) };
  }
}

/** What a process without a service tells. */
export function noFigures(): ServiceFigures {
  return { traffic: { ...NO_TRAFFIC }, counters: {}, gauges: {}, peaks: {} };
}

/** A counter that is below where it was has begun anew: then what it counts is all that is known. */
function grownSince(now: number, before: number): number {
  return Math.max(0, Math.round(now >= before ? now - before : now));
}

function trafficSince(now: TrafficFigures, before: TrafficFigures): TrafficFigures {
  return {
    framesIn: grownSince(now.framesIn, before.framesIn),
    framesOut: grownSince(now.framesOut, before.framesOut),
    bytesIn: grownSince(now.bytesIn, before.bytesIn),
    bytesOut: grownSince(now.bytesOut, before.bytesOut),
    operationFrames: grownSince(now.operationFrames, before.operationFrames),
    operations: grownSince(now.operations, before.operations),
  };
}
