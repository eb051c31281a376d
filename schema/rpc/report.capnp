# SPDX-License-Identifier: Apache-2.0
# What a node tells `vidaictl mesh doctor` about itself and its connections: mesh/node_report.h.
@0xd6a2cbc0f7d43f11;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("vidai::proto");

struct ReportedMember {
  id @0 :Text;
  address @1 :Text;
  status @2 :UInt8;  # vidai::mesh::MemberStatus
  generation @3 :UInt64;
  incarnation @4 :UInt32;
  connected @5 :Bool;
  rttUs @6 :Int64 = -1;  # -1: unknown
  sinceMs @7 :Int64;
  version @8 :Text;  # by its own signed word; empty: unknown
  capabilities @9 :UInt64;  # mesh/capabilities.h
  aged @10 :Bool;
}

struct PeerReport {
  member @0 :ReportedMember;
  wireMin @1 :UInt16;
  wireMax @2 :UInt16;
  certificateUntilMs @3 :Int64;
  syncedAgoMs @4 :Int64 = -1;  # -1: unknown
  digestMatch @5 :Int8 = -1;  # -1: unknown, else 0 or 1
  countersHeardAgoMs @6 :Int64 = -1;  # -1: never
  countersOwedMs @7 :Int64;
  clockOffsetKnown @8 :Bool;
  clockOffsetMs @9 :Int64;
}

struct Issuer {
  fingerprint @0 :Text;  # of its key; empty: there is none
  sinceMs @1 :Int64;
  pattern @2 :Text;
}

struct Money {  # a node's part in hard budgets
  begun @0 :Bool;
  frozen @1 :Text;  # why; empty: it is not
  disowned @2 :Bool;
  owned @3 :UInt16;  # buckets
  unowned @4 :UInt16;
  cutOff @5 :List(Text);  # budgets, 16 at most
  custodians @6 :UInt8;
  away @7 :List(Text);
  needed @8 :UInt8;
  wanted @9 :UInt8;
  others @10 :UInt32;
}

struct Record {  # of the calls that a node made
  lost @0 :UInt64;
  inDoubt @1 :UInt64;
  inDoubtMs @2 :UInt64;
  keeper @3 :Bool;
  damaged @4 :UInt32;
  unreadableBytes @5 :UInt64;
  copiesFailed @6 :UInt64;
}

struct Refusal {
  reason @0 :Text;
  count @1 :UInt64;  # in the last vidai::mesh::kRefusalsLately
  last @2 :Text;
}

struct NodeReport {
  mesh @0 :Data;
  self @1 :ReportedMember;
  version @2 :Text;
  wireMin @3 :UInt16;
  wireMax @4 :UInt16;
  clockMs @5 :Int64;
  certificateUntilMs @6 :Int64;
  health @7 :UInt32;
  registers @8 :UInt64;
  digest @9 :UInt64;
  digestIntervalMs @10 :Int64;
  pushIntervalMs @11 :Int64;
  notReady @12 :Text;
  peers @13 :List(PeerReport);
  root @14 :Text;  # fingerprints; empty: it does not say
  certifiedRoot @15 :Text;
  issuer @16 :Bool;  # holds an issuer key under the newest root
  alone @17 :Text;  # why it is connected to nobody; empty: it is, or has nobody
  certifiedBy @18 :Issuer;
  heldIssuer @19 :Issuer;
  service @20 :UInt8;  # 1 + vidai::mesh::Service; 0: it does not say
  money @21 :Money;  # null: it does not say
  unsaved @22 :Text;  # why what it knows could not be written last; empty: it could
  key @23 :Text;  # its own, a fingerprint; empty: it does not say
  setBackFrom @24 :UInt64;  # vidai::mesh::SetBack, `disk` and `known`; 0: its disk was not put back
  setBackTo @25 :UInt64;
  refusals @26 :List(Refusal);
  usage @27 :Record;  # null: it does not say
}

struct Draining {
  node @0 :Text;  # that answers, and drains
  already @1 :Bool;  # it was asked before
}
