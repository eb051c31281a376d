# SPDX-License-Identifier: Apache-2.0
# What an operator may ask of a node: mesh/operator.h. Offered to connections whose certificate
# has the role operator (all of it) or observer (what only reads), and to the Unix socket in the
# data directory. Expected failures are values, so that their code survives; a method that waits
# for the disk carries the caller's deadline and gives up after it.
@0xc46158c45ad8f9f8;

using Cxx = import "/capnp/c++.capnp";
using Reports = import "/schema/rpc/report.capnp";
using Values = import "/schema/rpc/values.capnp";
$Cxx.namespace("vidai::proto");

struct Fault {
  code @0 :Text;  # vidai::error_code_name
  message @1 :Text;
  param @2 :Text;
}

struct Outcome(T) {
  union {
    fault @0 :Fault;
    value @1 :T;
  }
}

struct Member {
  id @0 :Text;
  address @1 :Text;
  status @2 :UInt8;  # vidai::mesh::MemberStatus
  generation @3 :UInt64;
  incarnation @4 :UInt32;
  self @5 :Bool;
  connected @6 :Bool;
  rttUs @7 :Int64 = -1;  # -1: unknown
  sinceMs @8 :Int64;
  wireMin @9 :UInt16;
  wireMax @10 :UInt16;
  version @11 :Text;
  capabilities @12 :UInt64;  # mesh/capabilities.h
  aged @13 :Bool;
}

struct MemberList {
  members @0 :List(Member);
}

struct Status {
  mesh @0 :Data;
  node @1 :Text;
  version @2 :Text;
  wireMin @3 :UInt16;
  wireMax @4 :UInt16;
  members @5 :UInt32;
  alive @6 :UInt32;
  suspect @7 :UInt32;
  dead @8 :UInt32;
  left @9 :UInt32;
  delayMs @10 :Int64;
  registers @11 :UInt64;
  digest @12 :UInt64;
  keys @13 :UInt64;
  solo @14 :Bool;
}

struct NodeDetail {
  member @0 :Member;
  keyFingerprint @1 :Text;
  certificateUntilMs @2 :Int64;
  issuer @3 :Text;
  key @4 :Text;  # hex
  issuerKey @5 :Text;
  serial @6 :UInt64;
  root @7 :Text;  # fingerprint
  # The member's own signed word, a packed Claim of values.capnp: what an operator's program
  # verifies before it signs anything about the member.
  word @8 :Data;
}

struct Limits {
  # -1: unlimited
  requestsPerMinute @0 :Int64 = -1;
  tokensPerMinute @1 :Int64 = -1;
  concurrency @2 :Int64 = -1;
}

struct Key {
  id @0 :Text;
  name @1 :Text;
  models @2 :List(Text);
  limits @3 :Limits;
  createdMs @4 :Int64;
  revoked @5 :Bool;
  budgets @6 :List(Text);
  owner @7 :KeyOwner;
}

struct KeyRequest {
  name @0 :Text;
  models @1 :List(Text);
  limits @2 :Limits;
  budgets @3 :List(Text);
  owner @4 :KeyOwner;
}

struct KeyOwner {
  user @0 :Text;
  team @1 :Text;
  project @2 :Text;
}

struct CreatedKey {
  key @0 :Key;
  secret @1 :Text;
}

struct KeyPage {
  keys @0 :List(Key);
  more @1 :Bool;  # ask again after the last id
}

struct LimitUse {
  kind @0 :UInt8;  # vidai::mesh::LimitKind
  limit @1 :UInt64;
  own @2 :UInt64;
  known @3 :UInt64;
  bound @4 :UInt64;
  burst @5 :UInt64;
  delayMs @6 :Int64;
  nodes @7 :UInt32;
  crashes @8 :UInt32;
}

struct LimitReport {
  key @0 :Text;
  name @1 :Text;
  revoked @2 :Bool;
  mode @3 :Text;
  limits @4 :List(LimitUse);
  spendOwnMicroUsd @5 :Int64;
  spendKnownMicroUsd @6 :Int64;
}

# A limit as a resource: mesh/state/limit_record.h.
struct Limit {
  id @0 :Text;
  name @1 :Text;
  equal @2 :List(Text);  # by field of the scope
  each @3 :UInt8;
  unit @4 :UInt8;
  amount @5 :UInt64;
  spanSeconds @6 :UInt32;
  fixed @7 :Bool;
  burst @8 :UInt64;
  mode @9 :UInt8;
  createdMs @10 :Int64;
  deleted @11 :Bool;
}

struct LimitChange {
  limit @0 :Limit;
  time @1 :UInt64;  # hybrid logical clock: asked about by acknowledged()
}

struct LimitPage {
  limits @0 :List(Limit);
  more @1 :Bool;  # ask again after the last id
}

struct LimitCounter {
  value @0 :Text;
  use @1 :LimitUse;
}

struct LimitStanding {
  limit @0 :Limit;
  counters @1 :List(LimitCounter);
  more @2 :UInt64;
  allowed @3 :UInt64;
  seen @4 :UInt32;
  confirmed @5 :UInt32;
}

# A budget as its owner knows it: mesh/budget/message.h. Amounts are micro-dollars.
struct BudgetLease {
  holder @0 :Text;  # a node; empty: not met
  granted @1 :Int64;
  spent @2 :Int64;
  returned @3 :Int64;
  lost @4 :Bool;
}

struct BudgetTopUp {
  id @0 :Text;
  amount @1 :Int64;
  untilMs @2 :Int64;  # since 1970; 0, of a new one: the end of the window that is
  note @3 :Text;
}

struct Budget {
  budget @0 :Text;
  owner @1 :Text;
  limit @2 :Int64;
  inUse @3 :Int64;
  left @4 :Int64;
  pool @5 :Int64;
  leases @6 :List(BudgetLease);
  window @7 :Text;  # "none", "day", "week", "month", "year"
  zone @8 :Text;  # whose calendar that is; empty: UTC
  renewsMs @9 :Int64;  # since 1970; 0: never, or unknown
  clockOff @10 :Bool;
  observed @11 :Bool;  # not enforced
  wouldRefuse @12 :UInt64;
  alerts @13 :Data;  # percent, a byte each
  alerted @14 :UInt8;
  topUps @15 :List(BudgetTopUp);
  inForce @16 :Int64;  # the limit with those
}

struct BudgetPage {
  budgets @0 :List(Budget);
  more @1 :Bool;  # ask again after the last
  silent @2 :List(Text);  # nodes that did not answer: what they own is not here
  unowned @3 :UInt32;  # parts of those asked for, of 1,024, that nobody in reach owns
}

# What a node itself has of the mesh's money: mesh/money_books.h. Amounts are micro-dollars.
struct LogName {
  ledger @0 :Text;  # hex of the key of a volume
  generation @1 :UInt32;
}

struct LogEnd {
  entries @0 :UInt64;
  hash @1 :Text;  # hex
}

struct OwnLog {
  log @0 :LogName;
  committed @1 :UInt64;
  ends @2 :List(LogEnd);
  custodians @3 :List(Text);  # keys of volumes
  keepers @4 :List(Text);  # the same as nodes; empty: not met
  needed @5 :UInt32;
}

struct KeptLog {
  log @0 :LogName;
  end @1 :LogEnd;
  sealed @2 :Bool;
}

struct LentMoney {
  ledger @0 :Text;
  start @1 :UInt32;
  node @2 :Text;
  granted @3 :Int64;
  spent @4 :Int64;
  returned @5 :Int64;
  lost @6 :Bool;
}

struct OwnedMoney {
  budget @0 :Text;
  window @1 :UInt32;
  limit @2 :Int64;
  activated @3 :Int64;
  returned @4 :Int64;
  uncommitted @5 :Int64;
  activatedHere @6 :Int64;
  grantedHere @7 :Int64;
  observed @8 :Bool;
  lent @9 :List(LentMoney);
  deleted @10 :Bool;
}

struct HeldMoney {
  budget @0 :Text;
  window @1 :UInt32;
  log @2 :LogName;
  start @3 :UInt32;
  granted @4 :Int64;
  spent @5 :Int64;
  reserved @6 :Int64;
  returned @7 :Int64;
  free @8 :Int64;
}

struct KeptMoney {
  log @0 :LogName;
  budget @1 :Text;
  window @2 :UInt32;
  activated @3 :Int64;
  returned @4 :Int64;
}

struct MoneyBooks {
  node @0 :Text;
  ledger @1 :Text;  # empty: it takes no part
  start @2 :UInt32;
  frozen @3 :Text;
  owns @4 :List(Bool);  # by bucket
  own @5 :List(OwnLog);
  keptLogs @6 :List(KeptLog);
  owned @7 :List(OwnedMoney);
  held @8 :List(HeldMoney);
  kept @9 :List(KeptMoney);
  budgets @10 :List(Text);
  more @11 :Bool;  # ask again after the last
}

# What an operator says about an identity and signs itself: mesh/state/statement.h.
struct SignedStatement {
  statement @0 :Data;
  signature @1 :Data;
  chain @2 :Data;
}

struct StatementRef {
  kind @0 :UInt8;  # vidai::mesh::state::RegisterKind
  id @1 :Text;
  time @2 :UInt64;  # hybrid logical clock: this or a later one
}

struct StatementPage {
  said @0 :List(SignedStatement);
  more @1 :Bool;  # ask again after the last
}

# Usage: mesh/usage/sheet.h. Amounts are micro-dollars.
struct UsageSums {
  events @0 :UInt64;
  unpriced @1 :UInt64;
  input @2 :Int64;
  cachedInput @3 :Int64;
  cacheWrite @4 :Int64;
  output @5 :Int64;
  reasoning @6 :Int64;
  audioInput @7 :Int64;
  audioOutput @8 :Int64;
  cost @9 :Int64;
  estimated @10 :Int64;
  charged @11 :Int64;
  adjusted @12 :Int64;
  pricedSince @13 :UInt64;
}

struct UsageRow {
  group @0 :List(Text);
  sums @1 :UsageSums;
}

struct UsageSheet {
  node @0 :Text;
  origin @1 :Text;  # whose calls these are: hex of the key of a volume
  through @2 :UInt64;  # the number of the last one that is known
  rows @3 :List(UsageRow);
  others @4 :UsageSums;
  unreadable @5 :List(Text);  # what was wrong, of each file that could not be read
  lost @6 :UInt64;  # calls since the process began that could not be recorded
}

struct UsagePart {
  origin @0 :Text;
  from @1 :UInt64;
  through @2 :UInt64;
}

struct UsageHolding {
  origin @0 :Text;
  node @1 :Text;  # whose volume it is or was; empty: it does not know
  runs @2 :List(Values.UsageRun);
}

struct UsageHoldings {
  node @0 :Text;
  origin @1 :Text;  # its own
  holdings @2 :List(UsageHolding);
  settled @3 :UInt64;  # up to that number all of its own events lie at another node too
  inDoubt @4 :UInt64;  # how many behind it do not
  lost @5 :UInt64;  # as in UsageSheet
}

struct UsageEvent {
  number @0 :UInt64;
  timeMs @1 :Int64;
  request @2 :Text;
  key @3 :Text;
  user @4 :Text;
  team @5 :Text;
  project @6 :Text;
  model @7 :Text;
  provider @8 :Text;
  target @9 :Text;
  endpoint @10 :Text;
  input @11 :Int64;
  cachedInput @12 :Int64;
  cacheWrite @13 :Int64;
  output @14 :Int64;
  reasoning @15 :Int64;
  audioInput @16 :Int64;
  audioOutput @17 :Int64;
  priced @18 :Bool;
  priceFromMs @19 :Int64;
  cost @20 :Int64;
  estimated @21 :Bool;
  charged @22 :Int64;
  outcome @23 :UInt8;  # vidai::mesh::usage::Outcome
  tier @24 :UInt8;  # vidai::mesh::pricing::ServiceTier
  ceiling @25 :Bool;
  adjusts @26 :UInt64;  # the number of another event; 0: this one is a call
  billed @27 :Bool;
}

# What was, or is to be, corrected of the calls that a node made: mesh/usage/correcting.h.
struct UsageCorrection {
  node @0 :Text;
  origin @1 :Text;
  looked @2 :UInt64;
  corrected @3 :UInt64;
  unpriced @4 :UInt64;
  billed @5 :UInt64;
  before @6 :Int64;
  after @7 :Int64;
  rows @8 :List(Row);
  more @9 :Bool;
  unreadable @10 :List(Text);

  struct Row {
    provider @0 :Text;
    target @1 :Text;
    corrected @2 :UInt64;
    before @3 :Int64;
    after @4 :Int64;
  }
}

struct UsageBill {
  number @0 :UInt64;
  cost @1 :Int64;
}

struct UsagePage {
  node @0 :Text;
  origin @1 :Text;  # as in UsageSheet
  events @2 :List(UsageEvent);
  next @3 :UInt64;  # ask again from there; 0: these were all
  unreadable @4 :List(Text);
}

# A rate card that was applied to the whole mesh: mesh/state/card_record.h.
struct RateCard {
  version @0 :UInt32;
  text @1 :Text;
  by @2 :Text;
  node @3 :Text;
  stamp @4 :UInt64;
}

struct CardChange {
  card @0 :RateCard;
  id @1 :Text;  # with time: asked about by acknowledged()
  time @2 :UInt64;
}

struct CardPage {
  cards @0 :List(RateCard);  # the latest first
  more @1 :Bool;
}

struct OwnCard {
  source @0 :Text;  # a file; empty: the card that ships
  part @1 :Data;  # of its text
  more @2 :Bool;  # ask again behind it
}

struct Acknowledgement {
  by @0 :List(Text);
  missing @1 :List(Text);
}

interface Operator {
  members @0 () -> (outcome :Outcome(MemberList));
  status @1 () -> (outcome :Outcome(Status));
  nodeShow @2 (node :Text) -> (outcome :Outcome(NodeDetail));
  keyCreate @3 (request :KeyRequest, deadlineMs :UInt32) -> (outcome :Outcome(CreatedKey));
  keyList @4 (after :Text) -> (outcome :Outcome(KeyPage));
  keyRevoke @5 (key :Text, deadlineMs :UInt32) -> (outcome :Outcome(Key), time :UInt64);
  # time: hybrid logical clock, asked about by acknowledged(); 0 of nodes that do not say it
  limitShow @6 (key :Text) -> (outcome :Outcome(LimitReport));
  report @7 () -> (outcome :Outcome(Reports.NodeReport));

  announce @9 (said :SignedStatement, deadlineMs :UInt32) -> (outcome :Outcome(StatementRef));
  # Taken, on this node's disk, and told to everybody who is connected.
  acknowledged @10 (said :StatementRef) -> (outcome :Outcome(Acknowledgement));
  # Who of the roster, members that left on purpose aside, has it in force.
  drain @8 (graceMs :UInt32, node :Text) -> (outcome :Outcome(Reports.Draining));
  # Of the node that is asked; where one is named, it must be that one.

  createToken @11 (request :TokenRequest) -> (outcome :Outcome(Token));
  # By a node that holds an issuer key; without seeds the nodes that it knows.

  rotateKey @12 (node :Text) -> (outcome :Outcome(KeyRotation));
  # Of the node that is asked, which must be that one. It goes on though the caller goes away.

  statements @13 (after :StatementRef) -> (outcome :Outcome(StatementPage));
  # What operators have said about identities, ordered by kind and id, from the one behind `after`.

  limitChange @14 (op :UInt8, limit :Limit, deadlineMs :UInt32) -> (outcome :Outcome(LimitChange));
  # vidai::mesh::LimitOp. Of a new limit the id is made here.
  limitList @15 (after :Text) -> (outcome :Outcome(LimitPage));
  limitStanding @16 (name :Text) -> (outcome :Outcome(LimitStanding));

  budgetChange @17 (op :UInt8, budget :Text, limitMicroUsd :Int64, deadlineMs :UInt32,
                    keepsLimit :Bool, window :Text, zone :Text, enforce :UInt8,
                    setsAlerts :Bool, alerts :Data, topUp :BudgetTopUp)
      -> (outcome :Outcome(BudgetPage));
  # vidai::mesh::BudgetChange: as it is when its owner has committed that; nothing once it is
  # deleted. The first one of a mesh needs every member once. `enforce`: 0: not said, 1: no, 2: yes.
  budgetList @18 (budget :Text, after :Text, deadlineMs :UInt32) -> (outcome :Outcome(BudgetPage));
  # One, or all behind `after`, as their owners know them.

  usage @19 (by :Text, sinceMs :Int64, untilMs :Int64, parts :List(UsagePart))
      -> (outcome :Outcome(UsageSheet));
  # The calls of these parts, which it is to have; without one, those that this node made. `by`:
  # fields with commas between; times since 1970.
  usageEvents @20 (from :UInt64, sinceMs :Int64, untilMs :Int64, request :Text, origin :Text,
      through :UInt64) -> (outcome :Outcome(UsagePage));
  # One by one, from that number on; of one request, where its id is given; of this node's own calls,
  # where no origin is, and without an end where `through` is 0.
  usageHoldings @21 () -> (outcome :Outcome(UsageHoldings));
  # Whose calls lie on its volume.

  moneyBooks @22 (budget :Text, after :Text) -> (outcome :Outcome(MoneyBooks));
  # This node's own, of one budget or of those behind `after`.

  priceApply @23 (text :Text, deadlineMs :UInt32) -> (outcome :Outcome(CardChange));
  # A rate card for the whole mesh; an empty one: none holds any more.
  priceCards @24 (skip :UInt32) -> (outcome :Outcome(CardPage));
  ownCard @25 (skip :UInt32) -> (outcome :Outcome(OwnCard));
  # Of this node, from that byte on.

  usageHeal @26 (sinceMs :Int64, untilMs :Int64, dryRun :Bool)
      -> (outcome :Outcome(UsageCorrection));
  # Of the calls that this node made, by the prices that it now has for their times.
  usageBill @27 (origin :Text, bills :List(UsageBill)) -> (outcome :Outcome(UsageCorrection));
  # The same by what a provider billed; `origin`: this node's.
}

struct KeyRotation {
  node @0 :Text;
  fingerprint @1 :Text;
  oldKey @2 :Text;  # hex
  oldFingerprint @3 :Text;
  certificateUntilMs @4 :Int64;
}

struct TokenRequest {
  pattern @0 :Text;
  ttlSeconds @1 :UInt32;
  seeds @2 :List(Text);
}

struct Token {
  text @0 :Text;
  untilMs @1 :Int64;
  seeds @2 :List(Text);
  key @3 :Text;  # hex, public: what to revoke should the token leak
}

struct Certificate {
  chain @0 :Data;
}

# All that the holder of a join token may ask of a node.
interface Join {
  requestCertificate @0 (node :Text, key :Data, proof :Data) -> (outcome :Outcome(Certificate));
}
