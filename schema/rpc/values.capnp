# SPDX-License-Identifier: Apache-2.0
# The values that nodes and operators exchange. mesh/wire turns them into ours and back, and checks
# every bound: nothing outside mesh/wire and mesh/rpc knows these types.
#
# Evolution: fields and union members are only added, at the end; a number is never reused. What
# an older program must not ignore raises the wire version (handshake payload, seal::WireRange).
@0x9c1be2d07a4f6e35;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("vidai::proto");

# Membership: mesh/membership/claim.h and message.h.

struct Version {
  serial @0 :UInt64;
  generation @1 :UInt64;
  incarnation @2 :UInt32;
}

struct Claim {
  id @0 :Text;
  key @1 :Data;  # 32 bytes, ed25519
  version @2 :Version;
  left @3 :Bool;
  address @4 :Text;
  wireOldest @5 :UInt16;
  wireNewest @6 :UInt16;
  credential @7 :Data;
  signature @8 :Data;  # 64 bytes
  profile @9 :Data;  # of wire version 2 on: mesh/membership/profile.h
  profileSignature @10 :Data;  # 64 bytes, or none
}

enum MemberStatus {
  joining @0;
  alive @1;
  suspect @2;
  dead @3;
  left @4;
}

enum Evidence {
  silent @0;
  refused @1;
}

struct Accusation {
  subject @0 :Text;
  version @1 :Version;
  verdict @2 :MemberStatus;
  evidence @3 :Evidence;
  accuser @4 :Text;
}

struct Rumor {
  union {
    claim @0 :Claim;
    accusation @1 :Accusation;
  }
}

struct Digest {
  id @0 :Text;
  version @1 :Version;
  status @2 :MemberStatus;
  described @3 :Bool;  # the claim has its profile with it
}

struct MemberMessage {
  union {
    ping :group {
      seq @0 :UInt64;
      target @1 :Digest;
    }
    ack @2 :UInt64;
    indirectPing :group {
      seq @3 :UInt64;
      target @4 :Text;
    }
    nack @5 :UInt64;
    gossip @6 :List(Rumor);
    syncRequest :group {
      first @7 :Text;
      end @8 :Text;
      digests @9 :List(Digest);
    }
    syncReply :group {
      rumors @10 :List(Rumor);
      wanted @11 :List(Text);
    }
    syncDelta @12 :List(Rumor);
    goodbye @13 :Void;  # "close this connection: I have no more use for it"
  }
}

# Counters: mesh/limits/counter_store.h.

enum CellKind {
  requests @0;
  tokens @1;
  spend @2;
  concurrency @3;  # opened and closed. Not sent to who does not know limits as resources
}

struct Cell {
  key @0 :Text;
  kind @1 :CellKind;
  window @2 :UInt32;
  charged @3 :UInt64;
  returned @4 :UInt64;
  spanSeconds @5 :UInt32 = 60;  # of the window; any other is not sent to who does not know that
}

struct CellBatch {
  node @0 :Text;
  generation @1 :UInt64;
  cells @2 :List(Cell);
  since @3 :UInt64;  # of the origin's numbered changes; 0: it does not number them
  upto @4 :UInt64;
  highest @5 :UInt64;
  whole @6 :Bool;
}

struct OriginProgress {
  node @0 :Text;
  generation @1 :UInt64;
  have @2 :UInt64;
  loose @3 :UInt64;  # sum of the cells that it has of later ones
}

struct CellCursor {
  node @0 :Text;
  generation @1 :UInt64;
  since @2 :UInt64;
  upto @3 :UInt64;
  loose @4 :Bool;
  after @5 :Text;  # a key's id, or none
}

struct CellPull {
  window @0 :UInt32;
  have @1 :List(OriginProgress);
  resumes @2 :Bool;
  from @3 :CellCursor;  # where it resumes
  cellsMax @4 :UInt32;  # how much the caller can take now
  # It asks about names before this one only, where `ends`, and next for those from it on: `more` is
  # then set, and `next` this name, in a page that tells all of them.
  ends @5 :Bool;
  endNode @6 :Text;
  endGeneration @7 :UInt64;
}

struct CellPage {
  batches @0 :List(CellBatch);
  more @1 :Bool;
  next @2 :CellCursor;  # where to go on when there is more
}

struct SignedBatch {
  batch @0 :CellBatch;
  sequence @1 :UInt64;  # the origin's count of what it has signed in this generation
  signature @2 :Data;  # its ed25519 signature: mesh/limits/counter_relay.h
}

struct CounterRelay {
  batches @0 :List(SignedBatch);
}

struct CounterPush {
  batch @0 :CellBatch;
  sentMs @1 :Int64;  # the sender's wall clock, so that the receiver sees how far clocks differ
  complete @2 :Bool;  # with this the receiver has been told all that the sender knew when it began
}

# Registers: mesh/state/register.h and register_set.h.

struct Register {
  chain @0 :UInt32;  # index into the page's chains
  statement @1 :Data;
  signature @2 :Data;
}

struct Cursor {
  bucket @0 :UInt16;
  kind @1 :UInt8;  # 0: from the start of the bucket
  id @2 :Text;
}

struct RegisterPage {
  chains @0 :List(Data);
  registers @1 :List(Register);
  more @2 :Bool;
  next @3 :Cursor;  # where to go on when there is more
  digest @4 :UInt64;  # of all that the sender holds, and its clock; 0: it does not say
  clockMs @5 :Int64;
}

struct RegisterPull {
  buckets @0 :List(UInt64);  # 256
  from @1 :Cursor;
  bytesMax @2 :UInt32;  # how much the caller can take now; 0: it does not say
}

# Usage: which of an origin's events, by number; both included.
struct UsageRun {
  from @0 :UInt64;
  through @1 :UInt64;
}
