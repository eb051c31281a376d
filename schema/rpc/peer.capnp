# SPDX-License-Identifier: Apache-2.0
# What one node may ask of another. Each side of a connection offers one Peer as its bootstrap, so
# one connection serves both directions, whoever dialled. No method waits for anything: a server
# answers in the turn in which it was asked, so the only deadline is the caller's.
@0xf921c832fa59907e;

using Cxx = import "/capnp/c++.capnp";
using Values = import "/schema/rpc/values.capnp";
$Cxx.namespace("vidai::proto");

interface Peer {
  deliver @0 (message :Values.MemberMessage) -> ();
  # A membership message; answers come as deliver() in the other direction.

  pushCounters @1 (push :Values.CounterPush) -> ();
  # Cells of the caller itself that have just changed, or that the callee has missed.

  pushRegisters @2 (page :Values.RegisterPage) -> ();
  # Registers that have just changed.

  pullRegisters @3 (pull :Values.RegisterPull) -> (page :Values.RegisterPage);
  # What the caller lacks, page by page.

  holds @4 (kind :UInt8, id :Text, time :UInt64) -> (held :Bool);
  # Whether that register, of that time or later, is in force at the callee.

  renewCertificate @5 () -> (chain :Data);
  # A new certificate for the caller's own id and key; nothing from who holds no issuer key.

  pullCounters @6 (pull :Values.CellPull) -> (page :Values.CellPage);
  # Cells of anybody that the caller lacks, page by page. Who does not know this is told all of the
  # caller's own by pushCounters.

  relayCounters @7 (relay :Values.CounterRelay) -> ();
  # What anybody has counted, in its own signed words: in a mesh too large for a connection to
  # everybody the callee passes it on once.

  rotateKey @8 (key :Data, proof :Data) -> (chain :Data);
  # The caller's next key: the callee lets it take the place of the one that this connection has
  # proved, and certifies it; nothing from who holds no issuer key.

  turnAway @9 (reason :Text) -> ();
  # The caller has no place for the callee and closes the connection: why, as docs/security.md,
  # section 9, names it. What operators have said about it came by pushRegisters before.

  tellMoney @10 (said :Data, more :List(Data)) -> ();
  # What the caller's part in the mesh's money has to say to the callee's, in the terms of their
  # logs: messages of schema/records/budget_message.fbs, `said` the first of them. `more` only to who
  # can read it (capability "money-together"). Any may be lost; answers come in the other direction.

  keepUsage @11 (origin :Data, proof :Data, batch :Data) -> ();
  # Events of the caller's own volume, for the callee to keep a copy of: schema/records/usage.fbs.
  # The volume's key signs that it lies at the caller. Without a batch it asks how much is there. Any
  # may be lost; the answer is usageKept() in the other direction.

  usageKept @12 (origin :Data, floor :UInt64, runs :List(Values.UsageRun)) -> ();
  # All that the caller has on its disk of the callee's events. Of numbers below `floor` it says
  # nothing, and keeps none.
}
