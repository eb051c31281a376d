// SPDX-License-Identifier: Apache-2.0
// CounterStore: the mesh thread's side of the soft limits. It gives slots to counters (of keys, and
// of limits that are resources, which have names of the same form), merges the cells that peers
// push, publishes their sums to the CounterTable, and says which of this node's own cells are worth
// pushing now.
//
// A cell is named by (counter, kind, span, window, node, generation) and written by that node
// alone, as absolute monotone numbers; merging takes the maximum of each. So repeats, reordering
// and relays change nothing (a state-based CRDT, Shapiro et al. 2011), and a restart, which has a
// new generation, starts a cell of its own: nothing is counted twice and nothing is fsynced. Each
// node numbers its changes, so that two nodes find out what one has that the other lacks by
// comparing a number per origin (docs/adr/0007), and only that travels. Pure: no clock, I/O or
// thread. Mesh thread only.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "mesh/limits/counter_table.h"
#include "mesh/limits/progress.h"
#include "mesh/state/key_record.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::limits {

// Under which generation a process counts. A volume that was lost counts its generations from 1
// again, and its cells must not bear the names of its former life's, which are greater and would
// hide them: the certificate's serial, milliseconds in its upper 48 bits, tells those apart.
inline Generation cell_generation(std::uint64_t serial, Generation generation) {
    return VIDAI_MUTANT("wiped-cells-collide") ? generation : Generation{serial + generation.value};
}

enum class CellKind : std::uint8_t { kRequests = 0, kTokens = 1, kSpend = 2, kConcurrency = 3 };
inline constexpr int kCellKinds = 4;
constexpr bool has_window(CellKind kind) {
    return kind == CellKind::kRequests || kind == CellKind::kTokens;
}
inline constexpr std::size_t kCountedKinds = 3;  // of LimitKind
constexpr CellKind cell_kind(LimitKind kind) {
    if (kind == LimitKind::kConcurrency) return CellKind::kConcurrency;
    return kind == LimitKind::kTokens ? CellKind::kTokens : CellKind::kRequests;
}

struct Cell {
    KeyId key;
    CellKind kind = CellKind::kRequests;
    std::uint32_t window = 0;         // spans since 1970; 0 for spend and what is in flight
    std::uint64_t charged = 0;        // requests, tokens, micro-USD or opened; monotone
    std::uint64_t returned = 0;       // or closed; monotone, at most `charged`; 0 for spend
    std::uint32_t span_s = kMinuteS;  // of the window
    friend bool operator==(const Cell&, const Cell&) = default;
};
// Whether a program from before limits were resources knows such cells: not those of other windows
// than minutes, nor what is in flight.
constexpr bool is_plain(const Cell& cell) {
    return cell.span_s == kMinuteS && cell.kind <= CellKind::kSpend;
}

// Cells of one origin: what travels in one push, and a part of a CellPage. The origin numbers its
// changes: this is of what changed after `since` and up to `upto`, and when `whole`, with what came
// before it, all of it (progress.h). A cell may have changed since, up to `highest`. 0: unnumbered.
struct CellBatch {
    NodeId node;
    Generation generation;
    std::vector<Cell> cells;
    std::uint64_t since = 0, upto = 0, highest = 0;
    bool whole = false;
    friend bool operator==(const CellBatch&, const CellBatch&) = default;
};

// What of it a program from before limits were resources can read. Whether it lacks anything:
// `sure` that it is such a program, which would not count the rest.
CellBatch plain_part(CellBatch batch, bool sure);

// How much of one origin's changes somebody has: all up to `have`, and the cells that sum up to
// `loose` of later ones. Those matter when the origin is gone: nobody may have what is between.
struct OriginProgress {
    NodeId node;
    Generation generation;
    std::uint64_t have = 0;
    std::uint64_t loose = 0;
    friend bool operator==(const OriginProgress&, const OriginProgress&) = default;
};
// Where a page ended: within some of one origin's changes, behind a key.
struct CellCursor {
    NodeId node;
    Generation generation;
    ChangeRange changes;
    bool loose = false;  // of those that are held of them, or could be told, which may not be all
    KeyId after;
    friend bool operator==(const CellCursor&, const CellCursor&) = default;
};
// Cells of one life of a node have this name, and pages follow its order.
struct SourceName {
    NodeId node;
    Generation generation;
    friend auto operator<=>(const SourceName&, const SourceName&) = default;
};
// The question for what the one who asks lacks, of the sources in a range of names: those from the
// cursor's on, or from the first, and before `end`.
struct CellPull {
    std::uint32_t window = 0;  // of its clock
    std::vector<OriginProgress> have;
    std::optional<CellCursor> from;
    std::optional<SourceName> end;  // nothing: to the last
    std::size_t cells_max = 0;
    friend bool operator==(const CellPull&, const CellPull&) = default;
};
struct CellPage {
    std::vector<CellBatch> batches;
    std::optional<CellCursor> next;  // nothing: that was all
    friend bool operator==(const CellPage&, const CellPage&) = default;
};
// kProtocol where nobody who answers `asked`, whose `have` need not be there, says that: more than
// was asked for, out of the order of names, or that it goes on where it has been already.
Result<void> check_answer(const CellPull& asked, const CellPage& page);
// A batch weighs this much of a page besides its cells.
inline constexpr std::size_t kBatchCells = 2;

struct StoreOptions {
    // A node's own change is pushed at once when it is at least
    // max(1, significance x (limit - use) / nodes), else within `flush`. Part of the bound.
    double significance = 0.02;
    Duration flush = std::chrono::seconds(1);
    Duration delay = std::chrono::milliseconds(150);  // D' of burst(): coalescing + propagation
    // Longer than any request, each of whose calls of a provider may take `timeouts.total`, at most
    // a day: a revoked key's slot is not reused before. Revoked keys stay in the mesh's number of
    // keys, so that this many slots there are in any case.
    Duration slot_quarantine = std::chrono::hours(24 * 7);
    // A peer cannot make us remember more, whosever. What was spent stays, so it has a quota of its
    // own, and never takes the place of what limits are decided by.
    std::size_t window_cells_per_teller_max = 524'288;
    std::size_t spend_cells_per_teller_max = 524'288;
    // More than a roster may have; the last ones are for peers that tell of themselves.
    std::size_t origins_max = 16'384;
    std::size_t origins_reserved = 4'096;
    std::size_t generations_max = 16;        // newest kept, per node
    std::size_t keys_heard_max = kSlotsMax;  // keys that peers name and we have no record of
    std::size_t push_cells_max = 256;        // in one collect(); the rest follows in the next
};

struct MergeCount {
    std::size_t applied = 0;    // raised something
    std::size_t unchanged = 0;  // already known
    std::size_t refused = 0;    // malformed, too old, too far ahead, beyond a quota, our own
};

class CounterStore {
  public:
    // Whether membership knows a node. Of others nobody but they themselves is believed.
    using Members = std::function<bool(const NodeId& node)>;

    // `table` outlives the store; `self` and `generation` name this node's cells. No `members`:
    // every node is one.
    CounterStore(CounterTable& table, NodeId self, Generation generation, StoreOptions options = {},
                 Members members = {});

    // Gives the key a slot, or finds the one it has, and remembers its limits for the push filter.
    // Publish a KeyTable that names the slot only after this. kResourceExhausted when all slots
    // are taken.
    Result<Slot> bind(const KeyId& key, const state::KeyLimits& limits);
    // And of a limit, that has one kind: its amount, and how long its window is, which never
    // changes.
    Result<Slot> bind(const KeyId& counter, LimitKind kind, std::uint64_t limit,
                      std::uint32_t span_s);
    // The key was revoked: its slot comes back after the quarantine. Unknown keys are ignored.
    void release(const KeyId& key, MonoTime now);
    std::optional<Slot> slot_of(const KeyId& key) const;

    // What `teller` sent, its own cells or relayed ones; windows from two before ours to two after.
    enum class Said : std::uint8_t {
        kPushed,     // by a node that counts it: its own batches are of the life that it lives
        kAnswered,   // of what was lacking: its own batches may be of its former lives, too
        kCorrected,  // in answer to who claimed to have more than there is
    };
    MergeCount merge(const CellBatch& batch, const NodeId& teller, MonoTime now, WallTime wall,
                     Said how = Said::kPushed);
    MergeCount merge(const CellBatch& batch, MonoTime now, WallTime wall) {  // its own
        return merge(batch, batch.node, now, wall);
    }

    // Own cells worth pushing now to every peer, under the next number; empty `cells`: nothing.
    // Call every push interval. `nodes`: alive members, this one included. `all`: however little
    // they changed.
    CellBatch collect(MonoTime now, WallTime wall, std::uint32_t nodes, bool all = false);

    const NodeId& self() const { return self_; }
    // The number of the last change of its own that this node has given out.
    std::uint64_t changes() const { return changes_; }
    // Own cells that changed after `since`, of keys behind `after`, about `cells_max` of them:
    // whole when those are all, up to changes() or to `upto` where one is given.
    CellBatch own_since(std::uint64_t since, std::uint64_t upto, const KeyId& after, WallTime wall,
                        std::size_t cells_max) const;
    // What this node has of others, and of its own: to ask a peer for the rest, from `from` on, of
    // at most `sources_max` names; the next question goes on at `end`.
    CellPull question(WallTime wall, std::optional<CellCursor> from, std::size_t sources_max) const;
    // What `asked` lacks and this node holds, about `asked.cells_max` cells of it. Answering needs
    // no memory of earlier pages: the cursor says where to go on, whoever answers.
    CellPage page(const CellPull& asked) const;

    // Everything still counted, own cells first, unnumbered, in batches of at most `cells_max`:
    // for who compares stores. At least one batch.
    std::vector<CellBatch> all_cells(WallTime now, std::size_t cells_max = 4'096) const;

    // Changes when cells of a life of `node` were dropped: pages of it before that are not whole.
    std::uint64_t dropped(const NodeId& node) const;

    // What is in flight counts of those nodes alone, in the life that they live now. Call about
    // once a second.
    void count_in_flight(const Members& present);
    // The node was removed from the mesh for good, and what it counted with it.
    void forget(const NodeId& node);
    // Forgets windows that nobody counts any more and frees quarantined slots. Call about once a
    // second.
    void tick(MonoTime now, WallTime wall);

    // At least the most that was charged mesh-wide, as far as heard, in any stretch of
    // options.delay since this store was made: B(D') of bound.h, for keys with a slot.
    std::uint64_t burst(const KeyId& key, LimitKind kind) const;

    MicroUsd spend(const KeyId& key) const;            // own and known; 0 when unheard of
    std::size_t cell_count() const { return cells_; }  // remote cells held

  private:
    static constexpr std::uint64_t kSumMax = std::numeric_limits<std::int64_t>::max();
    struct KeyState;
    using Origin = std::uint16_t;  // index into origins_
    struct Held {
        KeyState* key = nullptr;
        std::size_t cells = 0;     // never 0
        std::uint64_t newest = 0;  // at least the greatest of their numbers
    };
    struct Generational {
        Progress progress;
        std::uint64_t highest = 0;   // number heard
        std::map<KeyId, Held> keys;  // that cells are held of; never empty
    };
    struct OriginState {
        NodeId node;
        std::size_t cells = 0;  // of it
        // Held because it was the first to tell them.
        std::size_t told_windows = 0, told_spend = 0;
        bool busy = false;                               // about to have some
        bool present = true;                             // what it has in flight counts
        std::map<Generation, Generational> generations;  // that cells are held of
        // The life that it told of itself last: no later one is believed then, and room for others
        // is not made at its cost.
        std::optional<Generation> spoken;
        std::optional<Generation> retired;  // this one and earlier ones have been
        std::uint64_t dropped = 0;          // no other origin's, and no earlier one of this
        std::size_t& told(CellKind kind) { return has_window(kind) ? told_windows : told_spend; }
        bool idle() const { return cells == 0 && told_windows == 0 && told_spend == 0 && !busy; }
    };
    struct CellName {  // the order keeps together what is summed together
        CellKind kind = CellKind::kRequests;
        std::uint32_t span_s = kMinuteS;
        std::uint32_t window = 0;
        Origin origin = 0;
        Generation generation;
        friend auto operator<=>(const CellName&, const CellName&) = default;
    };
    struct Heard {
        CellName name;
        std::uint64_t charged = 0;
        std::uint64_t returned = 0;
        std::uint64_t number = 0;  // at least that of its origin's change that it is
        Origin teller = 0;         // whose quota it is
    };
    // Charges summed in consecutive buckets of `delay`; any stretch of that length lies in two.
    struct Burst {
        std::int64_t bucket = 0;
        std::uint64_t current = 0, previous = 0, most = 0;
    };
    struct KeyState {
        std::optional<Slot> slot;
        bool released = false;
        std::uint32_t span_s = kMinuteS;
        std::array<std::uint64_t, kCountedKinds> limits{};  // 0: none
        std::vector<Heard> heard;                           // sorted by name
        // What peers were last told of our own cells: by kind and window mod 2.
        std::array<std::array<OwnCell, 2>, kCountedKinds> pushed{};
        std::uint64_t pushed_spend = 0;
        std::uint64_t retired_spend = 0;  // of others' lives, the cells of which had to make room
        // And under which number.
        std::array<std::array<std::uint64_t, 2>, kCountedKinds> numbers{};
        std::uint64_t spend_number = 0;
        std::array<Burst, kCountedKinds> burst{};
    };
    using Keys = std::map<KeyId, KeyState>;
    struct PushRule {
        MonoTime now;
        WallTime wall;
        std::uint32_t nodes = 1;
        bool flush = false;  // everything that changed, however little
    };
    enum class Applied : std::uint8_t { kRaised, kUnchanged, kRefused };
    struct Source {                    // whose cells a page may have
        std::optional<Origin> origin;  // nothing: this node itself
        Generation generation;
        std::uint64_t have = 0, highest = 0;
    };
    struct Part {  // of what somebody lacks of one source
        ChangeRange changes;
        bool loose = false;
    };
    struct Range {  // of which changes and keys
        std::uint64_t since = 0;
        std::uint32_t minute = 0;  // of the clock of who asks
        KeyId after;
        std::size_t cells_max = 0;
        bool unasked = false;  // by our clock, which has gone back where a window is ahead of it
    };

    // counter_origins.cc
    std::optional<Origin> intern(const NodeId& node, bool itself);
    bool has_room_for(Origin origin, Generation generation);
    void lives(Origin origin, Generation generation);
    void correct(Origin origin, const CellBatch& batch);
    void drop(Origin origin, Generation generation, bool retire);
    bool insert(KeyState& key, const KeyId& id, const Heard& heard);
    void uncount(const KeyId& id, const Heard& gone);
    void erase_if_empty(Keys::iterator key);

    Result<Slot> bind(const KeyId& id, const std::array<std::uint64_t, kCountedKinds>& limits,
                      std::uint32_t span_s);
    bool acceptable(const Cell& cell, std::uint32_t minute) const;
    // Of a clock that is at `minute`: whether it counts the window, or may yet.
    static bool near(std::uint32_t span_s, std::uint32_t window, std::uint32_t minute);
    static bool is_ahead(std::uint32_t span_s, std::uint32_t window, std::uint32_t minute) {
        return std::uint64_t{window} * span_s / kMinuteS > minute;
    }
    // The last minute in which it does.
    static std::uint32_t last_minute(std::uint32_t span_s, std::uint32_t window);
    bool is_outdated(const KeyState& key, const CellName& name) const;
    void drop_oldest(KeyState& key, const KeyId& id, const CellName& name);
    bool is_in_flight(const CellName& name) const;
    KeyState* key_for(const KeyId& id);
    struct Told {
        Origin origin, teller;
        const CellBatch& batch;
    };
    Applied apply(const Cell& cell, const Told& told, MonoTime now);
    std::map<SourceName, Source> sources() const;
    std::uint64_t loose_sum(const Source& source) const;
    std::vector<Part> lacked(const Source& ours, const OriginProgress& theirs, bool fresh) const;
    static bool is_fresh(const SourceName& name, const std::optional<CellCursor>& from);
    bool fill(const Source& source, const Range& range, CellBatch& batch) const;
    bool fill_own(const Range& range, CellBatch& batch) const;
    bool fill_heard(const Source& source, const Range& range, CellBatch& batch) const;
    static void own_changes(const KeyId& id, const KeyState& key, const Range& range,
                            CellBatch& batch);
    void publish(const KeyState& key, const CellName& name) const;
    void publish_in_flight();
    void record_burst(KeyState& key, CellKind kind, std::uint64_t charged, MonoTime now);
    bool collect_key(const KeyId& id, KeyState& key, const PushRule& rule, std::vector<Cell>& out);
    std::vector<Cell> own_cells(WallTime now) const;
    void forget_windows(std::uint32_t minute);

    CounterTable& table_;
    const NodeId self_;
    const Generation generation_;
    const StoreOptions options_;
    const Members members_;

    Keys keys_;
    std::vector<OriginState> origins_;
    std::map<NodeId, Origin> places_;
    std::size_t cells_ = 0;
    std::uint64_t drops_ = 0;
    std::map<std::uint32_t, std::vector<KeyId>> by_minute_;  // keys with cells that end with it
    bool lives_changed_ = false;                             // and with it who has what in flight

    std::vector<Keys::iterator> by_slot_;  // end(): free
    std::size_t bound_ = 0;                // keys with a slot
    std::vector<Slot> free_;
    struct Quarantined {
        KeyId key;
        MonoTime until;
    };
    std::deque<Quarantined> quarantine_;

    std::vector<Slot> pending_;  // own changes not pushed yet
    std::optional<MonoTime> last_flush_;
    bool flushing_ = false;
    std::uint64_t changes_ = 0;
};

}  // namespace vidai::mesh::limits
