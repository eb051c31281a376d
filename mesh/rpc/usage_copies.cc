// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/usage_copies.h"

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <utility>

#include "mesh/budget/message_bytes.h"
#include "mesh/rpc/usage.h"
#include "mesh/usage/archive.h"
#include "mesh/usage/batch.h"
#include "mesh/usage/reading.h"

namespace vidai::mesh::rpc {

namespace {

constexpr std::chrono::minutes kTidyEvery{1};
constexpr std::chrono::seconds kReadAgain{10};  // files that could not be read
// Of a batch as it travels; the last event may bring it to a few kilobytes more.
constexpr std::size_t kTravelBytes = 12U << 10;
constexpr std::size_t kEventBytes = 128;  // of an event, about
// Of files at a time, each of which is read whole for it.
constexpr std::size_t kFilesBytesMax = 4U << 20;

// Events of records and files, in batches that are small enough to travel.
class Packer {
  public:
    explicit Packer(std::vector<usage::Record>& out) : out_(out) {}
    ~Packer() { close(); }
    Packer(const Packer&) = delete;
    Packer& operator=(const Packer&) = delete;

    void add(const usage::Event& event) {
        if (batch_.events() > 0 && event.number != last_ + 1) close();
        if (batch_.events() == 0) first_ = event.number;
        batch_.add(event);
        last_ = event.number;
        if (batch_.full() || batch_.bytes() >= kTravelBytes) close();
    }
    void close() {
        if (batch_.events() == 0) return;
        out_.push_back({{first_, last_}, std::make_shared<const seal::Bytes>(batch_.take())});
    }

  private:
    std::vector<usage::Record>& out_;
    usage::Batch batch_;
    std::uint64_t first_ = 0, last_ = 0;
};

}  // namespace

UsageCopies::UsageCopies(const Startup& startup, usage::Recorder* recorder, Around around)
    : startup_(startup),
      recorder_(recorder),
      around_(std::move(around)),
      archive_(usage_archive(startup)),
      loaded_(nullptr),
      disk_("copies", around_.io),
      tasks_(*this) {
    auto pair = kj::newPromiseAndFulfiller<void>();
    loaded_ = pair.promise.fork();
    load_done_ = kj::mv(pair.fulfiller);
    if (idle()) return;
    own_ = {startup.trust.mesh, startup.ledger->key->public_key()};
    proof_ = budget::prove_volume(*startup.ledger->key, own_.mesh, startup.node);
    settling_.emplace(own_.ledger);
    copies_ = std::make_unique<usage::Copies>(
        usage::Copies::Options{
            .archive = archive_,
            .own = own_,
            .keep = {.bytes = startup.options.usage_bytes_max, .age = startup.options.usage_keep}},
        seal::system_random());
    load();
}

UsageCopies::~UsageCopies() noexcept(false) = default;

void UsageCopies::taskFailed(kj::Exception&& e) {
    around_.trouble(std::string("copies of usage: ") + e.getDescription().cStr());
}

void UsageCopies::load() {
    auto loaded = disk_.run<Written>([this](const std::stop_token& stop) -> Result<Written> {
        copies_->load(stop);
        Written out{copies_->holdings(), copies_->bytes(), 0, {}};
        for (const usage::Unread& one : copies_->unread()) out.trouble = one.why.message;
        return out;
    });
    tasks_.add(loaded.then([this](Result<Written>&& done) {
        writing_ = false;
        if (done) on_written(std::move(*done));
        load_done_->fulfill();
    }));
}

kj::Promise<const UsageCopies::Holdings*> UsageCopies::holdings() {
    if (idle()) return &holdings_;
    return loaded_.addBranch().then([this]() -> const Holdings* { return &holdings_; });
}

// --- this node's own

void UsageCopies::tick() {
    if (idle()) return;
    const usage::Counts& counts = recorder_->counts();
    settling_->on_own({counts.first, counts.synced});
    settling_->on_peers(around_.keepers(), now());
    if (settling_->keeper() != keeper_) {
        keeper_ = settling_->keeper();
        ready_.clear();
    }
    ask();
    send();
    settling_->count(now());
    publish();
    write();
}

void UsageCopies::ask() {
    for (const NodeId& peer : settling_->to_ask(now())) {
        Session* const session = around_.session(peer);
        if (session != nullptr) {
            tasks_.add(session->keep_usage(own_.ledger, proof_, {}).ignoreResult());
        }
    }
}

void UsageCopies::send() {
    Session* const session = keeper_ ? around_.session(*keeper_) : nullptr;
    if (session == nullptr) return;
    for (;;) {
        if (ready_.empty()) {
            const auto span = settling_->next(now());
            if (!span || !fill(*span)) return;
        }
        const usage::Record& record = ready_.front();
        const std::size_t bytes = record.bytes->size();
        if (!session->bulk().takes(bytes)) return;
        if (!rate_.take(static_cast<double>(bytes), kRate, now())) return;
        settling_->on_sent(record.span, now());
        tasks_.add(session->keep_usage(own_.ledger, proof_, *record.bytes).ignoreResult());
        ready_.pop_front();
    }
}

// Whether there is something to be sent of the span now.
bool UsageCopies::fill(const usage::Span& span) {
    const auto records = recorder_->tail().from(span.from, kReadMax);
    if (records.empty()) {
        read_files(span);
        return false;
    }
    std::vector<usage::Record> ready;
    {
        Packer packer(ready);
        for (const usage::Record& record : records) {
            (void)usage::read_batch(*record.bytes, [&](const usage::Event& event) -> Result<void> {
                if (event.number >= span.from && event.number <= span.through) packer.add(event);
                return {};
            });
        }
    }
    ready_.assign(ready.begin(), ready.end());
    return !ready_.empty();
}

UsageCopies::Found UsageCopies::find(const std::string& folder, const journal::Owner& own,
                                     const usage::Span& span, const std::stop_token& stop) {
    Found found;
    std::stop_source enough;
    const std::stop_callback stopped(stop, [&]() { enough.request_stop(); });
    std::uint64_t next = span.from;
    std::size_t bytes = 0;
    bool full = false;
    {
        Packer packer(found.records);
        const auto unread = usage::read_folder(
            folder, own, span,
            [&](const usage::Event& event) {
                if (full) return;
                if (event.number > next) found.absent.push_back({next, event.number - 1});
                next = event.number + 1;
                packer.add(event);
                bytes += kEventBytes;
                full = bytes >= kFilesBytesMax;
                if (full) enough.request_stop();
            },
            enough.get_token());
        // What is damaged is not there any more; a disk that fails may do better later.
        found.failed = std::ranges::any_of(
            unread, [](const usage::Unread& one) { return one.why.code != ErrorCode::kCorrupt; });
    }
    const bool whole = !full && !stop.stop_requested() && !found.failed;
    if (whole && next <= span.through) found.absent.push_back({next, span.through});
    return found;
}

void UsageCopies::read_files(const usage::Span& span) {
    if (reading_ || now() < read_again_) return;
    reading_ = true;
    const std::string folder = usage::origin_folder(archive_, own_.ledger);
    auto found =
        disk_.run<Found>([folder, own = own_, span](const std::stop_token& stop) -> Result<Found> {
            return find(folder, own, span, stop);
        });
    tasks_.add(found.then([this, keeper = keeper_](Result<Found>&& done) {
        reading_ = false;
        if (!done || done->failed) read_again_ = now() + kReadAgain;
        if (!done) return;
        for (const usage::Span& absent : done->absent) settling_->on_absent(absent);
        if (keeper != keeper_ || !ready_.empty()) return;
        ready_.assign(done->records.begin(), done->records.end());
        send();
    }));
}

void UsageCopies::on_kept(const NodeId& from, wire::UsageKept said) {
    if (idle() || said.origin != own_.ledger) return;
    settling_->on_held(from, said.floor, std::move(said.held), now());
    publish();
    send();
}

void UsageCopies::publish() {
    usage::Counts& counts = recorder_->counts();
    counts.settled = settling_->settled();
    counts.in_doubt = settling_->unsettled();
    counts.settled_of = settling_->known();
    counts.doubt_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(settling_->waiting(now())).count());
}

std::optional<RecordReport> UsageCopies::report() const {
    if (recorder_ == nullptr) return std::nullopt;
    const usage::Counts& counts = recorder_->counts();
    return RecordReport{.lost = counts.lost + counts.refused,
                        .in_doubt = counts.in_doubt,
                        .in_doubt_for = std::chrono::milliseconds(counts.doubt_ms),
                        .keeper = keeper_.has_value(),
                        .damaged = static_cast<std::uint32_t>(counts.damaged_files),
                        .unreadable_bytes = counts.passed_over,
                        .copies_failed = counts.copies_lost};
}

// --- others'

Result<void> UsageCopies::on_keep(const NodeId& from, const wire::KeepUsage& asked) {
    if (idle()) return {};
    const auto proved = proved_.find(from);
    if (proved == proved_.end() || proved->second != asked.origin) {
        if (!budget::is_volume_of(asked.origin, own_.mesh, from, asked.proof)) {
            return fail(ErrorCode::kProtocol, "it does not prove that the volume is its own",
                        "usage");
        }
        proved_[from] = asked.origin;
    }
    if (asked.batch.empty()) {
        asked_[asked.origin] = from;
    } else if (incoming_bytes_ + asked.batch.size() <= kIncomingMax) {
        incoming_bytes_ += asked.batch.size();
        incoming_.push_back(
            {asked.origin, from, seal::Bytes(asked.batch.begin(), asked.batch.end())});
    }  // else it is lost, and sent again
    write();
    return {};
}

UsageCopies::Written UsageCopies::write_all(usage::Copies& copies,
                                            const std::vector<Incoming>& incoming, WallTime now) {
    Written out;
    const auto failed = [&](const Result<void>& done) {
        if (!done) out.trouble = done.error().message;
    };
    for (const Incoming& one : incoming) failed(copies.add(one.origin, one.from, one.batch));
    copies.commit();
    failed(copies.tidy(now));
    for (const seal::PublicKey& origin : copies.take_changed()) {
        out.changed.emplace(origin, copies.holdings().at(origin));
    }
    // Told again where nothing of it was new.
    for (const Incoming& one : incoming) {
        const auto held = copies.holdings().find(one.origin);
        if (held != copies.holdings().end()) out.changed.emplace(one.origin, held->second);
    }
    out.bytes = copies.bytes();
    out.failures = copies.failures();
    return out;
}

void UsageCopies::write() {
    if (writing_) return;
    for (const auto& [origin, peer] : std::exchange(asked_, {})) tell(peer, origin);
    if (incoming_.empty() && now() - tidied_ < kTidyEvery) return;
    tidied_ = now();
    writing_ = true;
    incoming_bytes_ = 0;
    auto written = disk_.run<Written>(
        [this, incoming = std::exchange(incoming_, {}),
         wall = startup_.options.clock->wall_now()](const std::stop_token&) -> Result<Written> {
            return write_all(*copies_, incoming, wall);
        });
    tasks_.add(written.then([this](Result<Written>&& done) {
        writing_ = false;
        if (done) on_written(std::move(*done));
        if (!incoming_.empty()) write();
    }));
}

void UsageCopies::on_written(Written written) {
    recorder_->counts().copied = written.bytes;
    recorder_->counts().copies_lost = written.failures;
    if (!written.trouble.empty()) around_.trouble("copies of usage: " + written.trouble);
    for (auto& [origin, holding] : written.changed) {
        const NodeId node = holding.node;
        holdings_[origin] = std::move(holding);
        if (!node.empty()) tell(node, origin);
    }
}

// The newest, where there are more runs than a message takes.
void UsageCopies::tell(const NodeId& peer, const seal::PublicKey& origin) {
    Session* const session = around_.session(peer);
    if (session == nullptr) return;
    const auto found = holdings_.find(origin);
    if (found == holdings_.end()) return session->usage_kept(origin, 0, {});
    std::vector<usage::Span> runs = found->second.held.spans();
    std::uint64_t floor = found->second.floor;
    if (runs.size() > wire::kUsageRunsMax) {
        runs.erase(runs.begin(), runs.end() - wire::kUsageRunsMax);
        floor = std::max(floor, runs.front().from);
    }
    session->usage_kept(origin, floor, runs);
}

}  // namespace vidai::mesh::rpc
