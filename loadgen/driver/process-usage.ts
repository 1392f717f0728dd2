// What the processes of a local cluster use, read from /proc where there is one. Knows no roles; on systems without
// /proc it finds nothing, and says so.

import { readFileSync } from 'node:fs';

/** Processor time and memory of one process at one moment. */
export interface ProcessUsage {
  cpuSeconds: number;
  rssBytes: number;
}

/** The kernel reports times to programs in hundredths of a second, whatever its own clock is. */
const TICKS_PER_SECOND = 100;

/** Usage of a process, null if it is gone or the system has no /proc. */
export function readProcessUsage(pid: number): ProcessUsage | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name may hold spaces and brackets, so fields are counted from behind its last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const rssKib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      rssBytes: Number(rssKib ?? 0) * 1024,
    };
  } catch {
    return null;
  }
}
