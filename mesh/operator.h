// SPDX-License-Identifier: Apache-2.0
// OperatorClient: how `vidaictl` talks to a node, and the maker of a new mesh's files. Every call
// blocks, at most for the client's timeout, and fails with kUnavailable (nobody answers),
// kDeadlineExceeded, kUnauthenticated (the handshake was refused), kPermissionDenied (the role
// does not allow it), or what the node answers. One thread per client.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/clock.h"
#include "mesh/money_books.h"
#include "mesh/node_report.h"
#include "mesh/state/card_record.h"
#include "mesh/state/key_record.h"
#include "mesh/state/limit_record.h"
#include "mesh/usage/correcting.h"
#include "mesh/usage/sheet.h"
#include "mesh/view.h"
#include "schema/base/secret.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh {

// Which node to ask, and as whom.
struct OperatorTarget {
    std::string address;  // HOST:PORT of a mesh port, or unix:PATH of a node's operator socket
    std::string identity_file;  // the operator's key and certificate; unused with unix:
    std::string root_file;      // mesh root public key and mesh id; unused with unix:
};

struct MeshStatus {
    MeshId mesh;
    NodeId node;                               // who answered
    std::string version;                       // of its program
    std::uint16_t wire_min = 0, wire_max = 0;  // schema versions that it speaks
    std::size_t members = 0, alive = 0, suspect = 0, dead = 0, left = 0;
    std::chrono::milliseconds delay{};  // D' of mesh/view.h
    std::uint64_t registers = 0;        // held by the node that answered
    std::uint64_t digest = 0;
    std::size_t keys = 0;  // not revoked
    bool solo = false;     // a mesh of one, made for development
};

struct NodeDetail {
    Member member;
    std::string key_fingerprint;       // of its identity; empty when this node never met it
    WallTime certificate_until;        // epoch: unknown
    std::string issuer;                // who certified it; empty: the root, or unknown
    std::string key, issuer_key;       // 64 hex digits each; empty: unknown, or the root
    std::uint64_t serial = 0;          // of the newest certificate known
    std::string root;                  // fingerprint of the root that it is under; empty: unknown
    std::vector<std::uint8_t> word{};  // its own, signed, packed; empty: the program sends none
    std::string issuer_fingerprint{};  // of issuer_key; not sent
};

struct KeyCreateRequest {
    std::string name;                 // for people, at most 128 bytes of UTF-8
    std::vector<std::string> models;  // aliases; empty: all
    state::KeyLimits limits;
    std::vector<BudgetId> budgets{};  // hard; empty: it stands under none
    state::KeyOwner owner{};
};

// Records shown to an operator have neither salt nor hash: those stay within the mesh.
struct CreatedKey {
    state::KeyRecord record;
    Secret secret;  // the whole key text; shown once, stored nowhere
};

// How acknowledged() knows a key: Stated::kind.
inline constexpr std::uint8_t kKeyRegister = 1;

// A key that is revoked, and the name of what spreads.
struct KeyRevocation {
    state::KeyRecord key;
    std::uint64_t time = 0;  // hybrid logical clock; 0: the node's version does not tell
};

enum class LimitKind : std::uint8_t { kRequests, kTokens, kConcurrency };

// One limit of one key as the node that answers counts it.
struct LimitUse {
    LimitKind kind = LimitKind::kRequests;
    std::uint64_t limit = 0;
    std::uint64_t own = 0;    // used in the current sliding minute through that node
    std::uint64_t known = 0;  // through all others, as far as they have told
    // By how much `limit` may be exceeded mesh-wide: the published bound of mesh/limits/bound.h,
    // with what has arrived so far.
    std::uint64_t bound = 0;
    std::uint64_t burst = 0;            // B(D'): the most that arrived in any `delay` of this run
    std::chrono::milliseconds delay{};  // D'
    std::size_t nodes = 1;              // N
    // Nodes that died in the last two minutes with up to `burst` untold each: part of the bound.
    std::uint32_t crashes = 0;
};

struct LimitReport {
    KeyId key;
    std::string name;
    bool revoked = false;
    std::string mode = "optimistic";  // under a split each side may spend the limit
    std::vector<LimitUse> limits;     // only those that the key has
    // Since each node's start, forgotten with it: soft in this version, not a bill.
    MicroUsd spend_own, spend_known;
};

enum class LimitOp : std::uint8_t { kCreate, kSet, kDelete };

// How acknowledged() knows a limit: Stated::kind.
inline constexpr std::uint8_t kLimitRegister = 5;

// A limit as it is in force after a change, and the name of what spreads.
struct LimitChange {
    state::LimitRecord limit;
    std::uint64_t time = 0;  // hybrid logical clock
};

// A limit, and what the node that answers counts of it.
struct LimitStanding {
    struct Counter {
        std::string value;  // "key=abc,team=ml" where values are told apart
        LimitUse use;
    };
    state::LimitRecord limit;
    std::vector<Counter> counters;        // the most used ones first
    std::size_t more = 0;                 // that are not shown
    std::uint64_t allowed = 0;            // on this side of a split, in mode fair_share; else all
    std::size_t seen = 1, confirmed = 1;  // nodes: this side's, and of the roster
};

// How acknowledged() knows an applied rate card: Stated::kind.
inline constexpr std::uint8_t kCardRegister = 7;

// A rate card that holds in the whole mesh after a change, and the name of what spreads.
struct CardChange {
    state::CardRecord card;
    std::string id;
    std::uint64_t time = 0;  // hybrid logical clock
};

// The rate cards that were applied to the mesh, the latest, which is in force, first.
struct CardPage {
    std::vector<state::CardRecord> cards;
    bool more = false;  // ask again behind as many
};

// A node's own rate card, in force where none that was applied has a price.
struct OwnCard {
    std::string text;    // as mesh/pricing reads it
    std::string source;  // its file; empty: the card that ships
};

enum class BudgetOp : std::uint8_t { kCreate, kSet, kDelete, kTopUp, kEndTopUp };
// Money beside a budget's limit, for a while.
struct BudgetTopUp {
    std::string id;  // lower case letters, digits and -, at most 32; empty, of a new one: any
    MicroUsd amount{};
    WallTime until{};    // zero, of a new one: the end of the window that is
    std::string note{};  // for people, at most 200 bytes
};
// What is not said of a budget that there is stays as it is.
struct BudgetChange {
    BudgetOp op = BudgetOp::kCreate;
    BudgetId budget;
    std::optional<MicroUsd> limit{};  // kCreate needs it
    std::string window{};             // as in BudgetStanding; empty: not said, of a new one "none"
    std::string zone{};               // an IANA name, of `window`; empty: UTC
    std::optional<bool> enforce{};    // not said, of a new one: true
    // Percent of the limit, rising, at most 8; empty: none.
    std::optional<std::vector<std::uint8_t>> alerts{};
    BudgetTopUp top_up{};  // of kTopUp and kEndTopUp, which say nothing else
};

// A budget as the node that owns it knows it.
struct BudgetStanding {
    struct Lease {      // what a process holds, or held, of it
        NodeId holder;  // empty: not met
        MicroUsd granted;
        MicroUsd spent;     // as it said last
        MicroUsd returned;  // will not be spent
        bool lost = false;  // it is gone: what it had not returned is stranded
        MicroUsd held() const { return std::max(MicroUsd{}, granted - spent - returned); }
    };
    BudgetId budget;
    NodeId owner;
    MicroUsd limit;   // as it was set, without top-ups
    MicroUsd in_use;  // of the limit in force: spent, held by somebody, or stranded
    MicroUsd left;    // of the limit in force: neither spent nor stranded
    MicroUsd pool;    // held by the owner's process, and not lent
    std::vector<Lease> leases;
    std::string window = "none";     // "day", "week", "month", "year": all of these are of this one
    std::string zone{};              // whose calendar that is; empty: UTC
    WallTime renews{};               // when the next one begins; zero: never, or unknown
    bool clock_off = false;          // its owner cannot tell what time it is, and opens no next one
    bool enforce = true;             // false: it only counts what it would refuse
    std::uint64_t would_refuse = 0;  // requests of this window, since the processes began
    std::vector<std::uint8_t> alerts{};  // percent of the limit at which somebody is told
    std::uint8_t alerted = 0;            // the highest of them that this window has reached
    std::vector<BudgetTopUp> top_ups{};  // that are open
    MicroUsd in_force{};                 // the limit with those
};
struct BudgetPage {
    std::vector<BudgetStanding> budgets;  // in the order of the logs
    bool more = false;                    // ask again, after the last
    std::vector<NodeId> silent;           // did not answer: what they own is not here
    std::uint32_t unowned = 0;  // parts of those asked for, of 1,024, that nobody in reach owns
};

// The calls of providers that a node made, summed.
struct UsageSheet {
    NodeId node;
    std::string origin;         // whose calls: the key of its volume, 64 hex digits
    std::uint64_t through = 0;  // the number of the last one
    usage::Sheet sheet;
    std::vector<std::string> unreadable;  // what was wrong, of each file that could not be read
    std::uint64_t lost = 0;  // calls since its process began that could not be recorded
};

// Whose calls lie on a node's volume.
struct UsageHoldings {
    struct Holding {
        std::string origin;  // as in UsageSheet
        NodeId node;         // whose volume it is or was; empty: it does not know
        usage::Numbers held;
    };
    NodeId node;
    std::string origin;             // its own
    std::vector<Holding> holdings;  // its own and others', by rising origin
    std::uint64_t settled = 0;      // all of its own up to that number lie at another node too
    std::uint64_t in_doubt = 0;     // how many behind it do not
    std::uint64_t lost = 0;         // as in UsageSheet
};

// Events of calls that a node made, by rising number.
struct UsagePage {
    static constexpr std::size_t kEventsMax = 1'000;
    NodeId node;
    std::string origin;  // as in UsageSheet
    std::vector<usage::Event> events;
    std::uint64_t next = 0;  // Search::from of the next page; 0: these were all
    std::vector<std::string> unreadable;
};

// What was, or is to be, corrected of the calls that a node made.
struct UsageCorrection {
    NodeId node;
    std::string origin;  // as in UsageSheet
    usage::Corrected sums;
    std::vector<std::string> unreadable;
};

// Whose key to void for good; exactly one of the first three is set.
struct RevokeRequest {
    NodeId node;           // the key that it has now, by its own signed word
    std::string key;       // 64 hex digits, or the fingerprint of a member or of who certified it
    std::string file;      // an operator's or issuer's key file, or a copy of it
    std::string reason;    // for people, at most 200 bytes
    bool force = false;    // though members are certified by it, or it is what signs this
    bool dry_run = false;  // find out what would be signed, and sign nothing
};

// Which member to remove for good, up to the life that it proves to have.
struct ForgetRequest {
    NodeId node;
    bool force = false;    // though it is alive
    bool dry_run = false;  // find out what would be signed, and sign nothing
};

// What an operator has said about an identity, as every node holds it until it is over.
struct OperatorStatement {
    bool revoked = true;           // a key; false: a member was forgotten
    std::string subject;           // the member; or whose key it was, for people
    std::string key, fingerprint;  // of a revocation, 64 and 32 hex digits
    std::uint64_t serial = 0;      // forgotten are these and all before
    Generation generation{};
    std::string reason;  // for people; may be empty
    NodeId by;           // the operator
    WallTime at, until;
    // Whether an operator of this mesh has signed it, by a look at the signature; nothing: on a
    // local socket, where nobody is known who could have.
    std::optional<bool> proven;
    std::uint8_t kind = 0;  // these three name it, as in Stated
    std::string id;
    std::uint64_t time = 0;
};

// A statement that a node has taken, is on its disk, and spreads by itself from there.
struct Stated {
    std::string subject;      // a node id, an operator's or issuer's name, or a fingerprint
    std::string fingerprint;  // of the key revoked, or that of the member forgotten
    std::uint8_t kind = 0;    // these three name it; 0: nothing was signed
    std::string id;
    std::uint64_t time = 0;
    std::string key{};         // 64 hex digits: what was revoked, or the key of the one forgotten
    std::uint64_t serial = 0;  // forgotten are these and all before
    Generation generation{};
    std::optional<OperatorStatement> before{};  // it was said already: nothing was signed
};

// Who has a statement in force. `missing`: known members, but for those that left on purpose.
struct Acknowledgement {
    std::vector<NodeId> by, missing;
};

struct TokenRequest {
    std::string node_pattern;         // which node ids it may become, one '*' at most
    std::chrono::seconds ttl{3'600};  // at most what the issuer may certify
    std::vector<std::string> seeds;   // HOST:PORT to join at; empty: the nodes that are known
};
struct CreatedToken {
    Secret text;  // shown once
    WallTime until;
    std::vector<std::string> seeds;
    std::string key;  // public, 64 hex digits: what to revoke should the token leak
};

// Of a node that has got a new key, and a certificate for it.
struct KeyRotation {
    NodeId node;
    std::string fingerprint;  // of the key that it has now
    std::string old_key;      // 64 hex digits: what to revoke should it have leaked
    std::string old_fingerprint;
    WallTime certificate_until;
};

class OperatorClient {
  public:
    static Result<OperatorClient> connect(const OperatorTarget& target,
                                          std::chrono::milliseconds timeout);
    ~OperatorClient();
    OperatorClient(OperatorClient&&) noexcept;
    OperatorClient& operator=(OperatorClient&&) noexcept;

    Result<std::vector<Member>> members();
    Result<MeshStatus> status();
    Result<NodeDetail> node_show(const NodeId& node);  // kNotFound
    // The same of all members, several questions at a time.
    Result<std::vector<NodeDetail>> nodes_show();

    Result<CreatedKey> key_create(const KeyCreateRequest& request);
    Result<std::vector<state::KeyRecord>> key_list();    // ordered by creation
    Result<KeyRevocation> key_revoke(const KeyId& key);  // kNotFound; twice is fine
    Result<LimitReport> limit_show(const KeyId& key);    // kNotFound
    // Of a new one the id is made there. What is set or deleted is named by its id, or by its name
    // where no other has it, kConflict otherwise; its scope and unit stay as they are.
    Result<LimitChange> limit_change(LimitOp op, const state::LimitRecord& limit);
    Result<std::vector<state::LimitRecord>> limit_list();           // ordered by name
    Result<LimitStanding> limit_standing(const std::string& name);  // kNotFound, kConflict

    // In force on that node and on its disk; an empty text: none holds any more, from now on.
    // kInvalidRequest with the lines that are wrong, or more than state::kCardTextMax of text;
    // kConflict while a member's program does not know how.
    Result<CardChange> price_apply(const std::string& text);
    Result<std::vector<state::CardRecord>> price_cards();  // the latest first
    Result<OwnCard> own_card();                            // of the node that is connected to

    // As it is once its owner has committed that; of one that was deleted, its name alone:
    // kAlreadyExists, kNotFound, kInvalidRequest; kUnavailable where nobody that can be reached
    // owns it, kConflict where a mesh that has no budget yet lacks a member, who must hear of the
    // first; kResourceExhausted where a budget has as many top-ups as it may.
    Result<BudgetStanding> budget_change(const BudgetChange& change);
    // kNotFound.
    Result<BudgetStanding> budget_show(const BudgetId& budget);
    Result<BudgetPage> budget_list();  // whole, by name
    // What the node that is connected to has itself of a budget, or of all. Whole.
    Result<MoneyBooks> money_books(const BudgetId& budget);

    // Whose calls the node that is connected to has. kUnavailable: it has enough to do.
    Result<UsageHoldings> usage_holdings();
    // Of the query's parts, which that node is to have. kInvalidRequest, kUnavailable.
    Result<UsageSheet> usage(const usage::Query& query);

    Result<UsagePage> usage_events(const usage::Search& search);  // as usage()

    // Corrects the costs of calls that the node which is connected to made between these times, by
    // the prices that it now has for them; `dry_run`: says what would be. kUnavailable, kIo,
    // kConflict while a member's program does not know how. Twice is fine.
    Result<UsageCorrection> usage_heal(WallTime since, WallTime until, bool dry_run);
    // The same by what a provider billed of calls that this node made; kConflict where `origin` is
    // another's.
    Result<UsageCorrection> usage_bill(const std::string& origin,
                                       const std::vector<usage::Bill>& bills);

    Result<NodeReport> report();
    // Signed here with the operator's key: kUnauthenticated on a connection without one. What is
    // signed about a member is what its own signature, under a certificate of this mesh, says:
    // kProtocol where the node that answers cannot show that. Twice is fine. kConflict, unless
    // forced, for the key that it is signed with, and for one that members are certified by.
    Result<Stated> revoke(const RevokeRequest& request);
    // What has been revoked or forgotten and is not over, by the time when it was said.
    Result<std::vector<OperatorStatement>> statements();
    // What roll_root() or retire_root() left in its new directory.
    Result<Stated> state_succession(const std::string& file);
    // Removes a member that is gone; it may come back only with a newer certificate or start.
    // kConflict for one that is alive, unless forced.
    Result<Stated> forget(const ForgetRequest& request);
    // Asks until all have it, or the client's timeout is over.
    Result<Acknowledgement> acknowledged(const Stated& statement);
    // Of the node that is connected to, which must be `node`, else kConflict: it stops being ready
    // at once, takes connections for `grace` more, ends what it has begun and leaves. Returns at
    // once; twice is fine.
    Result<Draining> drain(const NodeId& node, std::chrono::milliseconds grace);
    // Of the node that is connected to, which must be `node`: a new key and certificate, told to
    // the mesh and on its disk. kConflict while a member's program does not know how, kUnavailable
    // where nobody is there to certify it: the key is as it was.
    Result<KeyRotation> rotate_key(const NodeId& node);
    // kConflict from a node that holds no issuer key.
    Result<CreatedToken> token_create(const TokenRequest& request);

  private:
    struct Impl;
    explicit OperatorClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// What `vidaictl mesh init` makes. The root key signs the issuer and the operator and is then kept
// offline; every node gets the public root file and, in this version, the issuer file.
struct MeshInitRequest {
    std::string directory;                // made if absent; must hold none of the files
    std::string operator_name = "admin";  // in the form of a node id
    std::string node_pattern = "*";       // node ids that the issuer may certify, one '*' at most
    std::shared_ptr<const Clock> clock = system_clock();
};

struct MeshInitFiles {
    MeshId mesh;
    std::string root_fingerprint;
    std::string root_file;         // public: MeshOptions::root_file, OperatorTarget::root_file
    std::string root_secret_file;  // keep offline
    std::string issuer_file;       // secret: MeshOptions::issuer_file
    std::string operator_file;     // secret: OperatorTarget::identity_file
};

// kAlreadyExists when one of the files is there, kIo, kInvalidRequest.
Result<MeshInitFiles> mesh_init(const MeshInitRequest& request);

// The next root of the same mesh, made without it: the files of mesh_init() under the new root, and
// `succession`, which both roots signed. Nodes believe both until the overlap is over.
struct RootRollRequest {
    std::string old_directory;  // holds root.key, and issuer.key where node_pattern is empty
    std::string new_directory;  // made if absent; must hold none of the files
    std::string operator_name = "admin";
    std::string node_pattern;                                   // empty: the old issuer's
    std::chrono::seconds overlap{std::chrono::hours(14 * 24)};  // two lives of a node's certificate
};
struct RootRollFiles {
    MeshInitFiles made;
    std::string succession_file;
    std::string old_fingerprint;
    WallTime until;  // when the old root stops being believed
};
Result<RootRollFiles> roll_root(const RootRollRequest& request);
// The same roll-over, over now: rewrites `succession` in the new directory, whose root.key and
// the old directory's are needed again.
Result<RootRollFiles> retire_root(const std::string& old_directory,
                                  const std::string& new_directory);
// Of the mesh.pub in that directory.
Result<std::string> root_fingerprint(const std::string& directory);
// Another issuer key under the root in `old_directory`; nodes take it when their file is replaced.
// Its path.
Result<std::string> rotate_issuer(const RootRollRequest& request);

}  // namespace vidai::mesh
