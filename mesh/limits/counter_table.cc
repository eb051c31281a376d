// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_table.h"

#include <algorithm>
#include <bit>

#include "mesh/limits/counter_cells.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {

using namespace cells;

namespace {

constexpr Slot kChunkSlots = 256;
constexpr Slot kBitsPerWord = 64;
// A store takes no cell that is older by more.
constexpr std::uint32_t kHeardLateS = 4 * kMinuteS;
constexpr Duration kConcurrencyRetry = std::chrono::seconds(1);

constexpr std::uint64_t whole(std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value));
}

std::size_t index_of(LimitKind kind) {
    return static_cast<std::size_t>(kind);
}

std::uint64_t cost_in(LimitKind kind, Cost cost) {
    if (kind == LimitKind::kConcurrency) return 1;
    return kind == LimitKind::kRequests ? cost.requests : whole(cost.tokens.value);
}

LimitState state_of(WindowUse use, WindowPosition at, std::uint64_t limit, WindowRule rule) {
    return {limit, minus(limit, estimate(use, at.left_ms, rule)),
            time_until_empty(use, at.left_ms, rule)};
}

void keep_tightest(std::optional<LimitState>& tightest, const LimitState& state) {
    if (!tightest || state.remaining < tightest->remaining) tightest = state;
}

std::optional<LimitState>* place_of(LimitKind kind, Decision& decision) {
    if (kind == LimitKind::kConcurrency) return nullptr;
    return kind == LimitKind::kRequests ? &decision.requests : &decision.tokens;
}

}  // namespace

const Ticket::Taken* Ticket::find(LimitKind kind) const {
    const auto found = std::ranges::find(all(), kind, &Taken::kind);
    return found == all().end() ? nullptr : &*found;
}

std::size_t clauses_of(Slot slot, const state::KeyLimits& limits,
                       std::span<Clause, kKeyClauses> out) {
    std::size_t count = 0;
    const auto add = [&](LimitKind kind, const auto& limit) {
        if (limit) out[count++] = {slot, kind, false, false, *limit, 0};
    };
    add(LimitKind::kConcurrency, limits.concurrency);
    add(LimitKind::kRequests, limits.requests_per_minute);
    add(LimitKind::kTokens, limits.tokens_per_minute);
    return count;
}

// Cache lines: what workers write, what the mesh thread writes, and the rest.
struct CounterTable::Row {
    alignas(64) std::array<Own, kWindowedKinds> own;
    alignas(64) std::array<Known, kWindowedKinds> known;
    alignas(64) std::atomic<std::uint64_t> spend{0};
    std::atomic<std::uint64_t> spend_known{0};
    Open open;
    std::atomic<std::uint64_t> open_known{0};
    std::atomic<std::uint64_t> overrun_max{0};
    Packed arrival{0};  // of the slot's burst
    std::atomic<std::uint32_t> span_s{kMinuteS};

    WindowPosition now(WallTime wall) const { return window_at(wall, span_s.load()); }
    OwnView view(LimitKind kind) const { return OwnView(own[index_of(kind)]); }
    WindowRule rule(bool fixed) const { return {span_s.load(), fixed}; }
};
struct CounterTable::Chunk {
    std::array<Row, kChunkSlots> rows;
};

CounterTable::CounterTable(Slot slots)
    : capacity_(slots),
      chunks_((slots + kChunkSlots - 1) / kChunkSlots),
      changed_bits_((slots + kBitsPerWord - 1) / kBitsPerWord),
      share_((std::uint64_t{1} << 32) + 1) {
    CHECK(slots > 0 && slots <= kSlotsMax);
}
CounterTable::~CounterTable() = default;

CounterTable::Row& CounterTable::row(Slot slot) const {
    CHECK(slot < capacity_ && chunks_[slot / kChunkSlots], "a slot that was never opened");
    return chunks_[slot / kChunkSlots]->rows[slot % kChunkSlots];
}

void CounterTable::mark(Slot slot) {
    Packed& word = changed_bits_[slot / kBitsPerWord];
    const std::uint64_t bit = std::uint64_t{1} << (slot % kBitsPerWord);
    if ((word.load() & bit) == 0) word.fetch_or(bit);  // mostly set already: no write, no bouncing
}

std::uint64_t CounterTable::share_of(std::uint64_t limit) const {
    const std::uint64_t share = share_.load();
    __extension__ using Product = unsigned __int128;
    return static_cast<std::uint64_t>(Product{limit} * (share >> 32) / (share & 0xffff'ffff));
}

void CounterTable::set_share(std::uint32_t seen, std::uint32_t all) {
    CHECK(seen > 0 && all > 0);
    share_.store(std::uint64_t{std::min(seen, all)} << 32 | all);
}

std::uint64_t CounterTable::limit_of(const Clause& clause) const {
    const std::uint64_t limit = clause.fair_share ? share_of(clause.limit) : clause.limit;
    return std::min(limit, kCountMax);
}

// True when it fits, and is taken.
bool CounterTable::charge(const Clause& clause, Cost cost, WallTime now, Decision& decision) {
    Row& cells = row(clause.slot);
    const std::uint64_t limit = limit_of(clause);
    const std::uint64_t amount = cost_in(clause.kind, cost);
    Ticket::Taken taken{clause.slot, clause.kind, 0, amount};
    if (clause.kind == LimitKind::kConcurrency) {
        if (!enter(cells.open, cells.open_known.load(), limit)) return false;
    } else {
        if (clause.burst > 0) {
            const auto wait =
                arrive(cells.arrival, {limit, clause.burst, cells.span_s.load()}, amount, now);
            decision.too_fast = wait != Duration::zero();
            if (decision.too_fast) return false;
        }
        const WindowRule rule = cells.rule(clause.fixed);
        const std::size_t kind = index_of(clause.kind);
        const cells::Taken took =
            take(cells.own[kind], cells.known[kind], amount, limit, rule, cells.now(now));
        if (!took.admitted) {
            forget_burst(clause, cost);
            return false;
        }
        taken.window = took.at.window;
        WindowUse use = took.use;
        use.current += amount;
        keep_tightest(*place_of(clause.kind, decision), state_of(use, took.at, limit, rule));
    }
    decision.ticket.taken[decision.ticket.count++] = taken;
    return true;
}

// As if what did not happen had not arrived.
void CounterTable::forget_burst(const Clause& clause, Cost cost) {
    if (clause.burst == 0 || clause.kind == LimitKind::kConcurrency) return;
    Row& cells = row(clause.slot);
    unarrive(cells.arrival, {limit_of(clause), clause.burst, cells.span_s.load()},
             cost_in(clause.kind, cost));
}

// What a refusal tells: of every limit what is left of it, and the longest wait.
void CounterTable::refuse(std::span<const Clause> clauses, Cost cost, WallTime now,
                          Decision& decision) const {
    decision.requests.reset();
    decision.tokens.reset();
    std::optional<Duration> wait = Duration::zero();
    const auto wait_for = [&](std::optional<Duration> more) {
        wait = more && wait ? std::optional(std::max(*wait, *more)) : std::nullopt;
    };
    for (const Clause& clause : clauses) {
        const Row& cells = row(clause.slot);
        const std::uint64_t limit = limit_of(clause);
        if (clause.kind == LimitKind::kConcurrency) {
            const bool refused = &clause == &clauses[decision.clause];
            if (refused) wait_for(limit > 0 ? std::optional(kConcurrencyRetry) : std::nullopt);
            continue;
        }
        const std::uint64_t amount = cost_in(clause.kind, cost);
        const WindowRule rule = cells.rule(clause.fixed);
        const OwnView seen = cells.view(clause.kind);
        const WindowPosition at = seen.position(cells.now(now), rule.span_s);
        const WindowUse use =
            seen.use(at.window) + known_windows(cells.known[index_of(clause.kind)], at.window);
        keep_tightest(*place_of(clause.kind, decision), state_of(use, at, limit, rule));
        wait_for(time_until_room(use, at.left_ms, amount, limit, rule));
        if (clause.burst == 0) continue;
        Packed arrival{cells.arrival.load()};
        wait_for(arrive(arrival, {limit, clause.burst, rule.span_s}, amount, now));
    }
    decision.retry_after = wait;
}

Decision CounterTable::admit(Slot key, std::span<const Clause> clauses, Cost cost, WallTime now) {
    CHECK(clauses.size() <= kClausesMax, "more limits than a request may stand under");
    Decision decision;
    decision.ticket.slot = key;
    for (std::size_t i = 0; i < clauses.size(); ++i) {
        if (charge(clauses[i], cost, now, decision)) continue;
        give_back(decision.ticket);
        for (const Clause& taken : clauses.first(i)) forget_burst(taken, cost);
        decision.ticket = {};
        decision.refused_by = clauses[i].kind;
        decision.clause = i;
        refuse(clauses, cost, now, decision);
        return decision;
    }
    decision.admitted = true;
    for (const Ticket::Taken& taken : decision.ticket.all()) {
        if (taken.amount > 0) mark(taken.slot);
    }
    return decision;
}

Decision CounterTable::admit(Slot key, const state::KeyLimits& limits, Cost cost, WallTime now) {
    std::array<Clause, kKeyClauses> own;
    const std::size_t count = clauses_of(key, limits, own);
    return admit(key, std::span(own).first(count), cost, now);
}

void CounterTable::keep(const Ticket& ticket) {
    for (const Ticket::Taken& taken : ticket.all()) {
        if (taken.kind != LimitKind::kConcurrency) continue;
        Open& open = row(taken.slot).open;
        const std::uint64_t closed = open.closed.fetch_add(1) + 1;
        CHECK(closed <= open.opened.load(), "a concurrency slot released twice");
        mark(taken.slot);
    }
}

void CounterTable::give_back(const Ticket& ticket) {
    keep(ticket);
    for (const Ticket::Taken& taken : ticket.all()) {
        if (taken.kind == LimitKind::kConcurrency || taken.amount == 0) continue;
        add_return(row(taken.slot).own[index_of(taken.kind)], taken.window, taken.amount);
        mark(taken.slot);
    }
}

void CounterTable::settle(const Ticket& ticket, Tokens used, WallTime now) {
    keep(ticket);
    const std::uint64_t tokens = whole(used.value);
    for (const Ticket::Taken& taken : ticket.all()) {
        if (taken.kind != LimitKind::kTokens || tokens == taken.amount) continue;
        Row& cells = row(taken.slot);
        Own& own = cells.own[index_of(LimitKind::kTokens)];
        if (tokens < taken.amount) {
            add_return(own, taken.window, taken.amount - tokens);
        } else {
            const std::uint32_t span_s = cells.span_s.load();
            const std::uint32_t window = OwnView(own).position(cells.now(now), span_s).window;
            const std::uint64_t beyond = std::min(tokens - taken.amount, kCountMax);
            add(own.charged[window % 2], window, beyond, span_s);
            std::uint64_t most = cells.overrun_max.load();
            while (most < beyond && !cells.overrun_max.compare_exchange_weak(most, beyond)) {
            }
        }
        mark(taken.slot);
    }
}

void CounterTable::add_spend(Slot slot, MicroUsd amount) {
    if (amount.value <= 0) return;
    row(slot).spend.fetch_add(whole(amount.value));
    mark(slot);
}

SlotUse CounterTable::use(Slot slot, WallTime now, bool fixed) const {
    const Row& cells = row(slot);
    const WindowRule rule = cells.rule(fixed);
    SlotUse use;
    const auto estimates = [&](LimitKind kind, std::uint64_t& own, std::uint64_t& known) {
        const OwnView seen = cells.view(kind);
        const WindowPosition at = seen.position(cells.now(now), rule.span_s);
        own = estimate(seen.use(at.window), at.left_ms, rule);
        known = estimate(known_windows(cells.known[index_of(kind)], at.window), at.left_ms, rule);
    };
    estimates(LimitKind::kRequests, use.requests_own, use.requests_known);
    estimates(LimitKind::kTokens, use.tokens_own, use.tokens_known);
    const std::uint64_t closed = cells.open.closed.load();
    use.in_flight = minus(cells.open.opened.load(), closed);
    use.in_flight_known = cells.open_known.load();
    use.overrun_max = cells.overrun_max.load();
    use.spend_own.value = static_cast<std::int64_t>(cells.spend.load());
    use.spend_known.value = static_cast<std::int64_t>(cells.spend_known.load());
    return use;
}

void CounterTable::open(Slot slot, std::uint32_t span_s) {
    CHECK(slot < capacity_ && span_s > 0 && span_s <= kSpanMaxS);
    std::unique_ptr<Chunk>& chunk = chunks_[slot / kChunkSlots];
    if (!chunk) chunk = std::make_unique<Chunk>();
    Row& cells = chunk->rows[slot % kChunkSlots];
    for (Own& own : cells.own) {
        for (Packed& cell : own.charged) cell.store(0);
        for (Packed& cell : own.returned) cell.store(0);
    }
    for (Known& known : cells.known) {
        for (Packed& cell : known.use) cell.store(0);
    }
    for (Packed* cell : {&cells.spend, &cells.spend_known, &cells.open.opened, &cells.open.closed,
                         &cells.open_known, &cells.overrun_max, &cells.arrival}) {
        cell->store(0);
    }
    cells.span_s.store(span_s);
}

std::uint64_t CounterTable::own_spend(Slot slot) const {
    return row(slot).spend.load();
}

std::array<OwnCell, 2> CounterTable::own(Slot slot, LimitKind kind, WallTime now) const {
    const Row& cells = row(slot);
    std::array<OwnCell, 2> own;
    if (kind == LimitKind::kConcurrency) {
        own[0].returned = cells.open.closed.load();
        own[0].charged = cells.open.opened.load();
        return own;
    }
    const OwnView seen = cells.view(kind);
    const std::uint32_t newest = seen.position(cells.now(now), cells.span_s.load()).window;
    for (std::uint32_t age = 0; age < 2 && age <= newest; ++age) {
        const std::uint32_t window = newest - age;
        own[window % 2] = {window, seen.charged_in(window), seen.returned_in(window)};
    }
    return own;
}

void CounterTable::publish_known(Slot slot, LimitKind kind, std::uint32_t window,
                                 std::uint64_t use) {
    Row& cells = row(slot);
    if (kind == LimitKind::kConcurrency) return cells.open_known.store(use);
    Packed& place = cells.known[index_of(kind)].use[window % kKnownWindows];
    // The oldest window that a store takes cells of weighs in nothing any more, and must not take
    // the place of a newer one.
    const std::uint32_t newer = tag_of(tag_in(place.load()) - window);
    if (newer > 0 && newer <= std::max(kKnownWindows, kHeardLateS / cells.span_s.load())) return;
    place.store(pack(window, use));
}

void CounterTable::publish_known_spend(Slot slot, std::uint64_t micro_usd) {
    row(slot).spend_known.store(micro_usd);
}

void CounterTable::take_changed(std::vector<Slot>& out) {
    for (std::size_t word = 0; word < changed_bits_.size(); ++word) {
        if (changed_bits_[word].load() == 0) continue;
        std::uint64_t bits = changed_bits_[word].exchange(0);
        for (; bits != 0; bits &= bits - 1) {
            out.push_back(static_cast<Slot>(word * kBitsPerWord) +
                          static_cast<Slot>(std::countr_zero(bits)));
        }
    }
}

}  // namespace vidai::mesh::limits
