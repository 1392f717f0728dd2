// The generated wire types and protocol/messages.ts are the same shapes, both ways, so that frames enter and leave the
// cores without being copied. The compiler proves it here; the tests compare the numbers of the enumerations.

import assert from 'node:assert/strict';
import type * as acks from '../../../proto/gen/curpho/v1/acks.js';
import * as replica from '../../../proto/gen/curpho/v1/replica.js';
import * as types from '../../../proto/gen/curpho/v1/types.js';
import * as witness from '../../../proto/gen/curpho/v1/witness.js';
import * as messages from '../../../protocol/messages.js';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** Every message by name: `true` only compiles where the wire type and the protocol type are assignable both ways. */
interface Shapes {
  AckBatch: Same<acks.AckBatch, messages.AckBatch>;
  ClusterConfig: Same<types.ClusterConfig, messages.ClusterConfig>;
  CollectRequest: Same<witness.CollectRequest, messages.CollectRequest>;
  CollectResponse: Same<witness.CollectResponse, messages.CollectResponse>;
  EndRequest: Same<witness.EndRequest, messages.EndRequest>;
  EndResponse: Same<witness.EndResponse, messages.EndResponse>;
  FenceRequest: Same<replica.FenceRequest, messages.FenceRequest>;
  FenceResponse: Same<replica.FenceResponse, messages.FenceResponse>;
  GetRecoveryDataRequest: Same<witness.GetRecoveryDataRequest, messages.GetRecoveryDataRequest>;
  GetRecoveryDataResponse: Same<witness.GetRecoveryDataResponse, messages.GetRecoveryDataResponse>;
  LeadRequest: Same<replica.LeadRequest, messages.LeadRequest>;
  LeadResponse: Same<replica.LeadResponse, messages.LeadResponse>;
  RecordRequest: Same<witness.RecordRequest, messages.RecordRequest>;
  RecordResponse: Same<witness.RecordResponse, messages.RecordResponse>;
  ReplicateRequest: Same<replica.ReplicateRequest, messages.ReplicateRequest>;
  ReplicateResponse: Same<replica.ReplicateResponse, messages.ReplicateResponse>;
  SealRequest: Same<witness.SealRequest, messages.SealRequest>;
  SealResponse: Same<witness.SealResponse, messages.SealResponse>;
  SessionRequest: Same<replica.SessionRequest, messages.SessionRequest>;
  SessionResponse: Same<replica.SessionResponse, messages.SessionResponse>;
  StartRequest: Same<witness.StartRequest, messages.StartRequest>;
  StartResponse: Same<witness.StartResponse, messages.StartResponse>;
}

const shapes: Record<keyof Shapes, true> & Shapes = {
  AckBatch: true,
  ClusterConfig: true,
  CollectRequest: true,
  CollectResponse: true,
  EndRequest: true,
  EndResponse: true,
  FenceRequest: true,
  FenceResponse: true,
  GetRecoveryDataRequest: true,
  GetRecoveryDataResponse: true,
  LeadRequest: true,
  LeadResponse: true,
  RecordRequest: true,
  RecordResponse: true,
  ReplicateRequest: true,
  ReplicateResponse: true,
  SealRequest: true,
  SealResponse: true,
  SessionRequest: true,
  SessionResponse: true,
  StartRequest: true,
  StartResponse: true,
};

/** `ID_REUSED` as `idReused`, without the zero that stands for nothing said. */
function camelCased(enumeration: Record<string, string | number>): Record<string, number> {
  const named = Object.entries(enumeration).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] > 0,
  );
  const camel = (name: string) => name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(named.map(([name, value]) => [camel(name), value]));
}

describe('wire and protocol types', () => {
  it('every streamed or called message is the same shape on both sides', () => {
    assert.equal(Object.keys(shapes).length, 22);
  });

  it('the enumerations have the same numbers', () => {
    assert.deepEqual(camelCased(replica.RefusalCode), messages.RefusalCode);
    assert.deepEqual(camelCased(witness.RecordStatus), messages.RecordStatus);
    assert.deepEqual(camelCased(types.EpochStatus), messages.EpochStatus);
  });
});
