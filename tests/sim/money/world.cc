// SPDX-License-Identifier: Apache-2.0
// Processes and their disks.
#include "tests/sim/money/world.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "mesh/seal/encoding.h"
#include "schema/base/mutant.h"

namespace vidai::sim {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)
using mesh::journal::Journal;
using mesh::journal::MemoryVolume;
using std::chrono::milliseconds;

namespace {

constexpr Duration kTick = milliseconds(50);
constexpr std::size_t kHistory = 60;
constexpr std::uint64_t kRecords = 12'288;  // where a journal's first one is

class Dice final : public mesh::seal::RandomSource {
  public:
    explicit Dice(Rng& rng) : rng_(rng) {}
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(rng_.next());
    }

  private:
    Rng& rng_;
};

}  // namespace

MoneyWorld::MoneyWorld(const MoneyStory& story)
    : story_(story),
      rng_(story.seed ^ 0x776f726c64),
      clients_rng_(rng_.fork()),
      disk_rng_(rng_.fork()),
      starts_rng_(story.seed ^ 0x737461727473),
      watch_(bill_, story.rolls_back()),
      nodes_(story.nodes),
      wires_(story_, scheduler_, *this) {
    counters_.open(0);
    Rng clocks(story.seed ^ 0x636c6f636b);
    const auto apart = static_cast<std::uint64_t>(2 * story.clocks_apart.count());
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
        nodes_[node].skew = Duration(clocks.below(apart)) - story.clocks_apart;
        new_volume(node);
        start(node);
        scheduler_.after(story_.think, [this, node] { think(node); });
        scheduler_.after(story_.think, [this, node] { ask(node); });
    }
}

void MoneyWorld::note(const std::string& line) {
    char time[32];
    std::snprintf(time, sizeof time, "%8.3f ",
                  static_cast<double>(scheduler_.now().time_since_epoch().count()) / 1e9 - 3600);
    history_.push_back(time + line);
    if (history_.size() > kHistory) history_.pop_front();
}

void MoneyWorld::new_volume(std::size_t node) {
    Node& at = nodes_[node];
    std::array<std::uint8_t, 32> seed{};
    seed[0] = static_cast<std::uint8_t>(node + 1);
    if (!VIDAI_MUTANT("volume-same-key")) seed[1] = static_cast<std::uint8_t>(at.volumes);
    at.key = std::make_unique<mesh::seal::SecretKey>(mesh::seal::SecretKey::from_seed(seed));
    at.volume = std::make_unique<MemoryVolume>();
    at.copy.clear();
    names_[at.key->public_key()] = node;
}

LedgerKey MoneyWorld::key(std::size_t node) const {
    return nodes_[node].key->public_key();
}

std::optional<std::size_t> MoneyWorld::node_of(const LedgerKey& key) const {
    const auto found = names_.find(key);
    if (found == names_.end() || this->key(found->second) != key) return std::nullopt;
    return found->second;
}

// False where the journal cannot be read: nothing of the volume is spent any more.
bool MoneyWorld::open(std::size_t node) {
    Node& at = nodes_[node];
    BankOptions options;
    options.custodians = story_.custodians;
    options.genesis = node == 0 && at.volumes == 0;
    options.log_bytes = story_.log_bytes;
    at.bank = std::make_unique<Bank>(mesh_, *at.key, options);
    Dice dice(disk_rng_);
    auto journal = Journal::open(
        *at.volume, {mesh_, key(node)}, dice,
        [&](std::uint8_t kind, mesh::seal::ByteView bytes) { return at.bank->read(kind, bytes); });
    if (!journal) {
        note("node " + std::to_string(node) + ": " + journal.error().message);
        at.bank.reset();
        return false;
    }
    at.journal.emplace(std::move(*journal));
    if (const auto begun = at.bank->begin(now()); !begun) {
        watch_.violate("journal-makes-sense", begun.error().message);
        at.bank.reset();
        return false;
    }
    return true;
}

void MoneyWorld::start(std::size_t node) {
    Node& at = nodes_[node];
    if (at.bank || !at.wanted) return;
    ++at.life;
    if (!open(node)) {
        detected_ = true;
        lose_volume(node);
        if (!open(node)) return;
    }
    note("node " + std::to_string(node) + " starts");
    watch_.began(key(node), at.bank->books());
    hear_of_ends();
    at.absent.clear();
    at.table = {};
    at.judge = {};
    tell_time(node);
    publish(node, {budgets_.begin(), budgets_.end()});
    scheduler_.after(kTick, [this, node, life = at.life] { tick(node, life); });
    after(node);
    if (story_.stumbles) stumble(node);
}

// Some fall again before it is on the disk that they stand.
void MoneyWorld::stumble(std::size_t node) {
    const bool falls = starts_rng_.chance(0.5);
    const Duration within(starts_rng_.below(static_cast<std::uint64_t>(2 * story_.sync.count())));
    if (!falls || healed_) return;
    scheduler_.after(within, [this, node, life = nodes_[node].life] {
        if (nodes_[node].life != life || healed_) return;
        stop(node, false);
        start(node);
    });
}

void MoneyWorld::stop(std::size_t node, bool power) {
    Node& at = nodes_[node];
    if (!at.bank) return;
    note("node " + std::to_string(node) + (power ? " loses power" : " is killed"));
    ++at.life;
    if (at.writing) {  // in the midst of it, or just before or behind it
        at.volume->calls_left = std::min(at.volume->calls_left, 1 + disk_rng_.below(4));
        (void)at.journal->commit();
    }
    at.journal.reset();
    at.bank.reset();
    at.writing = false;
    at.waiting.clear();
    if (power) {
        at.volume->crash(disk_rng_);
    } else {
        at.volume->end();
    }
    wires_.stop(node, power);
}

void MoneyWorld::back(std::size_t node, Duration after) {
    nodes_[node].wanted = false;
    scheduler_.after(after, [this, node] {
        nodes_[node].wanted = true;
        start(node);
    });
}

// Of what a mark says was synced: behind it a bit's turning cannot be told from a torn tail.
void MoneyWorld::turn_bit(std::size_t node, Rng& rng) {
    auto& bytes = nodes_[node].volume->bytes();
    std::uint64_t number = 0, end = 0;
    for (const std::size_t mark : {std::size_t{4'096}, std::size_t{8'192}}) {
        if (bytes.size() < mark + 16) continue;
        mesh::seal::Reader reader(mesh::seal::ByteView(bytes).subspan(mark, 16));
        const std::uint64_t this_number = reader.u64(), this_end = reader.u64();
        if (this_number >= number) number = this_number, end = this_end;
    }
    if (end <= kRecords || end > bytes.size()) return;
    const std::uint64_t at = kRecords + rng.below(end - kRecords);
    bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << rng.below(8)));
}

void MoneyWorld::lose_volume(std::size_t node) {
    note("node " + std::to_string(node) + " loses its volume");
    ++nodes_[node].volumes;
    ++lost_volumes_;
    new_volume(node);
}

// --- what a bank's adapter does

void MoneyWorld::after(std::size_t node) {
    Node& at = nodes_[node];
    for (Outgoing& one : at.bank->take_outgoing()) {
        if (const auto to = node_of(one.to)) wires_.send(node, *to, std::move(one.message));
    }
    for (const EditDone& done : at.bank->take_edits_done()) answered(done);
    for (const BankNews& news : at.bank->take_news()) {
        if (news.kind == BankNews::Kind::kFrozen) detected_ = true;
        if (news.kind == BankNews::Kind::kMoved) continue;  // up to a thousand
        note("node " + std::to_string(node) + " news " +
             std::to_string(static_cast<int>(news.kind)) + " of " +
             std::to_string(news.log.ledger.bytes[0]) + "/" + std::to_string(news.log.generation) +
             " " + news.detail);
    }
    std::set<BudgetId> changed;
    for (const BudgetWindow& money : at.bank->take_changed()) changed.insert(money.budget);
    publish(node, changed);
    if (!at.writing) {
        auto records = at.bank->take_records();
        if (!records.empty()) {
            at.written = MoneyWatch::read(at.bank->books());
            for (const Record& record : records) {
                at.journal->append(static_cast<std::uint8_t>(record.kind), record.bytes);
            }
            at.writing = true;
            scheduler_.after(story_.sync, [this, node, life = at.life] { commit(node, life); });
        }
    }
    if (!changed.empty()) retry(node);
}

void MoneyWorld::commit(std::size_t node, std::uint32_t life) {
    Node& at = nodes_[node];
    if (at.life != life || !at.bank) return;
    at.writing = false;
    auto done = at.journal->commit();
    // Where no other node would know better, that it is synced is synced before any effect.
    const OwnLog* newest = at.bank->books().newest();
    if (done && newest != nullptr && newest->header().custodians.empty()) done = at.journal->mark();
    if (!done) {
        at.bank->on_write_failed(done.error());
        after(node);
        return;
    }
    for (const auto& [log, head] : at.written.heads) {
        trace(head.seq);
        trace(head.hash[0]);
    }
    trace(static_cast<std::uint64_t>(scheduler_.now().time_since_epoch().count()));
    watch_.on_disk(key(node), at.bank->books(), at.written);
    hear_of_ends();
    at.bank->on_committed(now());
    rewrite_if_due(node);
    after(node);
}

// By one rename: a crash leaves the one or the other.
void MoneyWorld::rewrite_if_due(std::size_t node) {
    Node& at = nodes_[node];
    const Books& books = at.bank->books();
    if (at.journal->size() < story_.log_bytes + 2 * books.snapshot_bytes()) return;
    auto volume = std::make_unique<MemoryVolume>();
    Dice dice(disk_rng_);
    auto journal = Journal::open(*volume, {mesh_, key(node)}, dice,
                                 [](std::uint8_t, mesh::seal::ByteView) { return Result<void>(); });
    for (const auto& record : books.snapshot()) {
        const Record one = record();
        journal->append(static_cast<std::uint8_t>(one.kind), one.bytes);
    }
    if (!journal->commit() || !journal->mark()) return;
    trace(journal->size());
    at.journal.emplace(std::move(*journal));
    at.volume = std::move(volume);
}

void MoneyWorld::tick(std::size_t node, std::uint32_t life) {
    Node& at = nodes_[node];
    if (at.life != life || !at.bank) return;
    detect(node);
    tell_time(node);
    at.bank->on_tick(now());
    after(node);
    scheduler_.after(kTick, [this, node, life] { tick(node, life); });
}

void MoneyWorld::detect(std::size_t node) {
    Node& at = nodes_[node];
    for (const auto& [key, of] : names_) {
        const auto current = node_of(key);
        if (of == node || (current && wires_.linked(node, *current))) {
            at.absent.erase(key);
            continue;
        }
        const MonoTime since = at.absent.try_emplace(key, scheduler_.now()).first->second;
        if (scheduler_.now() - since >= story_.detected) at.bank->on_dead(key, now());
    }
}

WallTime MoneyWorld::true_time() const {
    const Duration since = now().time_since_epoch() - std::chrono::hours(1);
    return story_.begins + std::chrono::floor<WallTime::duration>(since);
}

// As the mesh thread does: its clock is compared with those of the nodes that it hears.
void MoneyWorld::tell_time(std::size_t node) {
    if (!story_.windows && !story_.top_ups) return;
    Node& at = nodes_[node];
    at.skew += at.drift;
    const WallTime wall = true_time() + std::chrono::floor<WallTime::duration>(at.skew);
    latest_ = std::max(latest_, wall);
    PeerClocks peers;
    peers.others = nodes_.size() - 1;
    for (std::size_t peer = 0; peer < nodes_.size(); ++peer) {
        if (peer == node || !wires_.linked(node, peer)) continue;
        ++peers.connected;
        if (running(peer)) peers.ahead.push_back(nodes_[peer].skew - at.skew);
    }
    at.bank->on_clock(at.judge.judge(wall, now(), peers), now());
}

void MoneyWorld::connected(std::size_t node, std::size_t peer) {
    wires_.send(node, peer, nodes_[node].bank->hello());
}

void MoneyWorld::disconnected(std::size_t node, const LedgerKey& peer) {
    nodes_[node].bank->on_down(peer, now());
    after(node);
}

void MoneyWorld::arrived(std::size_t node, const LedgerKey& from, const Message& message) {
    nodes_[node].bank->on_message(from, message, now());
    after(node);
}

void MoneyWorld::run(Duration time) {
    const MonoTime until = scheduler_.now() + time;
    MonoTime look = scheduler_.now();
    while (!broken() && scheduler_.run_one(until)) {
        if (scheduler_.now() - look < milliseconds(100)) continue;
        look = scheduler_.now();
        watch_.look();
    }
}

Outcome MoneyWorld::outcome() const {
    Outcome out;
    out.violation = watch_.violation();
    out.trace_hash = hash_ ^ wires_.trace();
    out.steps = scheduler_.steps();
    out.simulated = scheduler_.now().time_since_epoch() - std::chrono::hours(1);
    out.judged = served_;
    out.history = history_;
    return out;
}

}  // namespace vidai::sim
