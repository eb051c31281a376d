// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/session.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <capnp/message.h>

#include "mesh/wire/membership.h"
#include "mesh/wire/message.h"
#include "mesh/wire/usage.h"

namespace vidai::mesh::rpc {

namespace {

using Side = ::capnp::rpc::twoparty::Side;

proto::Peer::Client bootstrap_of(::capnp::RpcSystem<::capnp::rpc::twoparty::VatId>& system,
                                 Side ours) {
    ::capnp::MallocMessageBuilder message(4);
    auto vat = message.initRoot<::capnp::rpc::twoparty::VatId>();
    vat.setSide(ours == Side::CLIENT ? Side::SERVER : Side::CLIENT);
    return system.bootstrap(vat).castAs<proto::Peer>();
}

constexpr std::size_t kSmallCall = 256;        // bytes, about
constexpr std::size_t kEnvelopeBytes = 4'096;  // of an answer, besides what was asked for, at most

template <class Request>
std::uint64_t words_of(const Request& request) {
    return request.asReader().totalSize().wordCount;
}

// A page of at most `bytes_max` as capnproto packs it; of a larger one nothing is read.
template <class Page, class Reply>
Result<Page> read_answer(transport::PeerTraffic& traffic, transport::TrafficKind kind,
                         std::size_t bytes_max, Reply& reply) {
    return wire::guarded([&]() -> Result<Page> {
        const std::uint64_t words = reply.totalSize().wordCount;
        traffic.add_in(kind, words);
        if (words > bytes_max / 8) {
            return fail(ErrorCode::kProtocol, "an answer is larger than what was asked for",
                        "answer");
        }
        return wire::read(reply.getPage());
    });
}

}  // namespace

Session::Session(kj::Own<kj::AsyncIoStream> stream, Side side,
                 ::capnp::Capability::Client bootstrap, std::size_t words_max, kj::Timer& timer,
                 transport::PeerTraffic& traffic, const Clock& clock)
    : timer_(timer),
      traffic_(traffic),
      clock_(clock),
      stream_(kj::mv(stream)),
      network_(*stream_, side, wire::reader_options(words_max)),
      system_(::capnp::makeRpcServer(network_, kj::mv(bootstrap))),
      remote_(bootstrap_of(system_, side)),
      tasks_(*this) {
    load_->minute = clock_.mono_now();
    // What a peer may have us hold in calls that are not answered yet.
    system_.setFlowLimit(2 * words_max);
}

Session::~Session() noexcept(false) = default;

void Session::taskFailed(kj::Exception&&) {
    // A call that fails is a lost message; the end of the connection is seen by ended().
}

void Session::deliver(const membership::Message& message) {
    if (load_->deliveries >= kDeliveriesMax) return;
    auto request = remote_.deliverRequest();
    wire::write(message, request.initMessage());
    traffic_.add_out(transport::TrafficKind::kMembership, words_of(request));
    ++load_->deliveries;
    auto answered = kj::defer([load = load_]() { --load->deliveries; });
    tasks_.add(request.send().ignoreResult().attach(kj::mv(answered)));
}

template <class T>
kj::Promise<T> Session::bulk(std::size_t bytes, kj::Promise<T> call, T failed) {
    load_->bulk.begin(bytes);
    auto timed =
        call.then([load = load_, bytes, start = clock_.mono_now(), &clock = clock_](T&& answer) {
            const MonoTime now = clock.mono_now();
            load->bulk.answered(bytes, now - start, now);
            return kj::mv(answer);
        });
    auto answered = kj::defer([load = load_, bytes]() { load->bulk.end(bytes); });
    auto limit = timer_.afterDelay(kCallTimeoutSeconds * kj::SECONDS);
    auto late =
        limit.then([]() -> T { kj::throwFatalException(KJ_EXCEPTION(OVERLOADED, "late")); });
    return timed.exclusiveJoin(kj::mv(late))
        .catch_(
            [load = load_, &clock = clock_, failed = std::move(failed)](kj::Exception&& e) mutable {
                if (e.getType() == kj::Exception::Type::OVERLOADED) {
                    load->bulk.late(std::chrono::seconds(kCallTimeoutSeconds), clock.mono_now());
                }
                return std::move(failed);
            })
        .attach(kj::mv(answered));
}

template <class Request>
kj::Promise<bool> Session::push_timed(Request request) {
    const std::uint64_t words = words_of(request);
    traffic_.add_out(transport::TrafficKind::kCounters, words);
    const MonoTime start = clock_.mono_now();
    auto call = request.send().ignoreResult().then([load = load_, start, &clock = clock_]() {
        const MonoTime now = clock.mono_now();
        (void)load->push_time_max(now);
        load->slowest = std::max(load->slowest, now - start);
        return true;
    });
    return bulk(8 * words, kj::mv(call), false);
}

kj::Promise<bool> Session::push_counters(const wire::CounterPush& push) {
    auto request = remote_.pushCountersRequest();
    wire::write(push, request.initPush());
    return push_timed(kj::mv(request));
}

kj::Promise<bool> Session::relay_counters(const wire::SignedBatches& batches) {
    auto request = remote_.relayCountersRequest();
    wire::write(batches, request.initRelay());
    return push_timed(kj::mv(request));
}

kj::Promise<bool> Session::push_registers(const state::Page& page) {
    auto request = remote_.pushRegistersRequest();
    wire::write(page, request.initPage());
    const std::uint64_t words = words_of(request);
    traffic_.add_out(transport::TrafficKind::kRegisters, words);
    return bulk(8 * words, request.send().ignoreResult().then([]() { return true; }), false);
}

kj::Promise<Result<wire::RegisterPage>> Session::pull_registers(const wire::RegisterPull& pull) {
    auto request = remote_.pullRegistersRequest();
    wire::write(pull, request.initPull());
    traffic_.add_out(transport::TrafficKind::kRegisters, words_of(request));
    // One register may be larger than a page; each may have a chain of its own.
    const std::size_t bytes_max =
        4 * wire::page_bytes_max(pull) + state::kStatementMax + kEnvelopeBytes;
    auto call = request.send().then([&traffic = traffic_, bytes_max](auto&& reply) {
        return read_answer<wire::RegisterPage>(traffic, transport::TrafficKind::kRegisters,
                                               bytes_max, reply);
    });
    Result<wire::RegisterPage> failed = fail(ErrorCode::kUnavailable, "the peer did not answer");
    return bulk(pull.bytes_max, kj::mv(call), std::move(failed));
}

kj::Promise<Result<limits::CellPage>> Session::pull_counters(const limits::CellPull& pull) {
    auto request = remote_.pullCountersRequest();
    wire::write(pull, request.initPull());
    traffic_.add_out(transport::TrafficKind::kCounters, words_of(request));
    limits::CellPull asked;
    asked.from = pull.from;
    asked.cells_max = pull.cells_max;
    auto call = request.send().then(
        [&traffic = traffic_, asked = std::move(asked)](auto&& reply) -> Result<limits::CellPage> {
            const std::size_t bytes_max = 4 * wire::kCellBytes * asked.cells_max + kEnvelopeBytes;
            auto page = read_answer<limits::CellPage>(traffic, transport::TrafficKind::kCounters,
                                                      bytes_max, reply);
            if (!page) return page;
            if (auto good = limits::check_answer(asked, *page); !good) {
                return fail(std::move(good).error());
            }
            return page;
        });
    Result<limits::CellPage> failed = fail(ErrorCode::kUnavailable, "the peer did not answer");
    return bulk(pull.cells_max * wire::kCellBytes, kj::mv(call), std::move(failed));
}

seal::Bytes Session::chain_of(::capnp::Data::Reader data) {
    const seal::ByteView chain = wire::bytes_of(data);
    if (chain.size() > seal::kChainBytesMax) return {};
    return {chain.begin(), chain.end()};
}

// Requests wait for small ones; large ones, parts of logs, are bulk.
void Session::tell_money(std::span<const seal::Bytes> said) {
    std::size_t size = 0;
    for (const seal::Bytes& one : said) size += one.size();
    const bool large = size > BulkWindow::kChunkMost;
    if (load_->money_bytes + size > kMoneyBytesMax) return;
    if (large && !load_->bulk.takes(size)) return;
    auto request = remote_.tellMoneyRequest();
    request.setSaid(wire::to_data(said.front()));
    if (const auto rest = said.subspan(1); !rest.empty()) {
        auto more = request.initMore(static_cast<unsigned>(rest.size()));
        for (unsigned i = 0; i < more.size(); ++i) more.set(i, wire::to_data(rest[i]));
    }
    traffic_.add_out(transport::TrafficKind::kMoney, words_of(request));
    load_->money_bytes += size;
    auto answered = kj::defer([load = load_, size]() { load->money_bytes -= size; });
    auto call = request.send().ignoreResult().attach(kj::mv(answered));
    if (!large) return tasks_.add(kj::mv(call));
    tasks_.add(bulk(size, call.then([]() { return true; }), false).ignoreResult());
}

kj::Promise<bool> Session::keep_usage(const seal::PublicKey& origin, const seal::Signature& proof,
                                      seal::ByteView batch) {
    auto request = remote_.keepUsageRequest();
    request.setOrigin(wire::to_data(origin.bytes));
    request.setProof(wire::to_data(proof.bytes));
    request.setBatch(wire::to_data(batch));
    const std::uint64_t words = words_of(request);
    traffic_.add_out(transport::TrafficKind::kUsage, words);
    return bulk(8 * words, request.send().ignoreResult().then([]() { return true; }), false);
}

void Session::usage_kept(const seal::PublicKey& origin, std::uint64_t floor,
                         const std::vector<usage::Span>& runs) {
    auto request = remote_.usageKeptRequest();
    request.setOrigin(wire::to_data(origin.bytes));
    request.setFloor(floor);
    wire::write(runs, request.initRuns(static_cast<unsigned>(runs.size())));
    const std::uint64_t words = words_of(request);
    traffic_.add_out(transport::TrafficKind::kUsage, words);
    auto call = request.send().ignoreResult().then([]() { return true; });
    tasks_.add(bulk(8 * words, kj::mv(call), false).ignoreResult());
}

kj::Promise<bool> Session::turn_away(const std::string& reason) {
    auto request = remote_.turnAwayRequest();
    request.setReason(wire::to_text(reason));
    return bulk(kSmallCall, request.send().ignoreResult().then([]() { return true; }), false);
}

kj::Promise<seal::Bytes> Session::renew_certificate() {
    auto call = remote_.renewCertificateRequest().send().then(
        [](auto&& reply) { return chain_of(reply.getChain()); });
    return bulk(seal::kChainBytesMax, kj::mv(call), seal::Bytes());
}

kj::Promise<seal::Bytes> Session::rotate_key(const seal::PublicKey& next,
                                             const seal::Signature& proof) {
    auto request = remote_.rotateKeyRequest();
    request.setKey(wire::to_data(next.bytes));
    request.setProof(wire::to_data(proof.bytes));
    auto call = request.send().then([](auto&& reply) { return chain_of(reply.getChain()); });
    return bulk(seal::kChainBytesMax, kj::mv(call), seal::Bytes());
}

kj::Promise<bool> Session::holds(const state::RegisterName& name, state::Hlc time) {
    auto request = remote_.holdsRequest();
    request.setKind(static_cast<std::uint8_t>(name.kind));
    request.setId(wire::to_text(name.id));
    request.setTime(time.value);
    auto call = request.send().then([](auto&& reply) -> bool { return reply.getHeld(); });
    return bulk(kSmallCall, kj::mv(call), false);
}

Duration Session::Load::push_time_max(MonoTime now) {
    if (now - minute > std::chrono::minutes(1)) {
        slowest_before = std::exchange(slowest, Duration{});
        minute = now;
    }
    return std::max(slowest, slowest_before);
}

}  // namespace vidai::mesh::rpc
