// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/rpc/target.h"

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "mesh/rpc/report.h"
#include "mesh/rpc/usage.h"
#include "mesh/seal/identity_store.h"
#include "mesh/wire/frame_guard.h"
#include "mesh/wire/message.h"
#include "schema/base/rng.h"
#include "schema/vocabulary/check.h"

namespace vidai::fuzz {

namespace {

using namespace mesh;
using Side = ::capnp::rpc::twoparty::Side;

constexpr int kInputsEach = 4'000;
// The mesh of every run: made on this day by this randomness, good for ten years.
constexpr WallTime kMade{std::chrono::milliseconds{1'760'000'000'000}};

class FixedRandom final : public seal::RandomSource {
  public:
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(rng_.next());
    }

  private:
    Rng rng_{7};
};

MeshOptions options_in(const std::string& folder) {
    MeshOptions options;
    options.node_id = "target";
    options.listen_address = "127.0.0.1";
    options.listen_port = 0;
    options.data_dir = folder + "/data";
    options.root_file = folder + "/mesh/mesh.pub";
    options.issuer_file = folder + "/mesh/issuer.key";
    options.enabled = true;
    return options;
}

void make_mesh_files(const std::string& folder) {
    FixedRandom random;
    seal::MeshPlan plan;
    plan.issuer_validity = plan.operator_validity = std::chrono::days(3'650);
    const auto made = seal::make_mesh(plan, kMade, random);
    CHECK(made.has_value() && seal::write_new_files(folder + "/mesh", made->files).has_value());
}

std::size_t words_of(seal::Roles roles) {
    return roles.has(seal::Role::kPeer) ? wire::kPeerWordsMax : wire::kOperatorWordsMax;
}

// Reads until the end, so that the other side never waits for us.
kj::Promise<void> drain(kj::AsyncInputStream& in, std::vector<std::uint8_t>& buffer,
                        std::size_t& total) {
    return in.tryRead(buffer.data(), 1, buffer.size())
        .then([&in, &buffer, &total](std::size_t got) -> kj::Promise<void> {
            total += got;
            if (got == 0) return kj::READY_NOW;
            return drain(in, buffer, total);
        });
}

// A client's end that remembers what it wrote.
class Recorder final : public kj::AsyncIoStream {
  public:
    Recorder(kj::AsyncIoStream& inner, seal::Bytes& written) : inner_(inner), written_(written) {}
    kj::Promise<std::size_t> tryRead(void* buffer, std::size_t min, std::size_t max) override {
        return inner_.tryRead(buffer, min, max);
    }
    kj::Promise<void> write(const void* buffer, std::size_t size) override {
        keep(buffer, size);
        return inner_.write(buffer, size);
    }
    kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
        for (const auto& piece : pieces) keep(piece.begin(), piece.size());
        return inner_.write(pieces);
    }
    kj::Promise<void> whenWriteDisconnected() override { return inner_.whenWriteDisconnected(); }
    void shutdownWrite() override { inner_.shutdownWrite(); }

  private:
    void keep(const void* bytes, std::size_t size) {
        const auto* const begin = static_cast<const std::uint8_t*>(bytes);
        written_.insert(written_.end(), begin, begin + size);
    }
    kj::AsyncIoStream& inner_;
    seal::Bytes& written_;
};

}  // namespace

Target::Target() : io_(kj::setupAsyncIo()), sink_([](const Notice&) {}) {
    std::string form = (std::filesystem::temp_directory_path() / "vidai-fuzz-XXXXXX").string();
    CHECK(::mkdtemp(form.data()) != nullptr);
    folder_ = form;
    make_mesh_files(folder_);
    operator_ = seal::load_operator(folder_ + "/mesh/operator.key").value();
    auto prepared = rpc::prepare(options_in(folder_), sink_);
    CHECK(prepared.has_value(), prepared ? "" : prepared.error().message.c_str());
    startup_ = std::make_unique<rpc::Startup>(std::move(*prepared));
    usage_ = rpc::open_usage(*startup_, sink_);
    shared_ = std::make_unique<rpc::Shared>(rpc::mesh_metric_catalogue());
    shared_->usage = usage_.get();
    thread_ = std::make_unique<rpc::MeshThread>(*startup_, *shared_, sink_,
                                                rpc::Surroundings{io_.provider->getNetwork(),
                                                                  io_.provider->getTimer(),
                                                                  seal::system_random(),
                                                                  io_.lowLevelProvider.get(),
                                                                  {},
                                                                  {}});
}

Target::~Target() noexcept(false) {
    thread_.reset();
    usage_.reset();
    std::filesystem::remove_all(folder_);
}

seal::PeerIdentity Target::who(seal::Roles roles) const {
    seal::PeerIdentity peer;
    peer.node = NodeId(roles.has(seal::Role::kJoin) ? "*" : "somebody");
    peer.key.bytes.fill(3);
    peer.roles = roles;
    peer.serial = 1;
    peer.valid_until = WallTime::max() - std::chrono::hours(24);
    peer.root = startup_->trust.root;
    return peer;
}

void Target::settle() {
    for (int turns = 0; turns < 64; ++turns) io_.waitScope.poll();
}

std::size_t Target::feed(seal::Roles roles, seal::ByteView stream) {
    // As SealedStream does, which gives nothing of a record that the guard refuses.
    wire::FrameGuard guard(words_of(roles));
    if (!guard.feed(stream)) return 0;
    auto pipe = kj::newTwoWayPipe();
    std::vector<std::uint8_t> answers(4'096);
    std::size_t answered = 0;
    ::capnp::TwoPartyVatNetwork network(*pipe.ends[0], Side::SERVER,
                                        wire::reader_options(words_of(roles)));
    auto system = ::capnp::makeRpcServer(network, thread_->serve(who(roles), admission::Binding{}));
    system.setFlowLimit(2 * words_of(roles));
    auto reading = drain(*pipe.ends[1], answers, answered).eagerlyEvaluate([](kj::Exception&&) {});
    auto writing = pipe.ends[1]
                       ->write(stream.data(), stream.size())
                       .then([&]() { pipe.ends[1]->shutdownWrite(); })
                       .eagerlyEvaluate([](kj::Exception&&) {});
    settle();
    return answered;
}

seal::Bytes Target::record(
    seal::Roles roles, const std::function<kj::Promise<void>(capnp::Capability::Client)>& talk) {
    seal::Bytes written;
    auto pipe = kj::newTwoWayPipe();
    Recorder recorder(*pipe.ends[1], written);
    ::capnp::TwoPartyVatNetwork network(*pipe.ends[0], Side::SERVER,
                                        wire::reader_options(words_of(roles)));
    auto server = ::capnp::makeRpcServer(network, thread_->serve(who(roles), admission::Binding{}));
    ::capnp::TwoPartyVatNetwork ours(recorder, Side::CLIENT);
    auto client = ::capnp::makeRpcClient(ours);
    ::capnp::MallocMessageBuilder message(4);
    auto vat = message.initRoot<::capnp::rpc::twoparty::VatId>();
    vat.setSide(Side::SERVER);
    auto talking = talk(client.bootstrap(vat)).eagerlyEvaluate([](kj::Exception&&) {});
    settle();
    return written;
}

Target& target() {
    static int inputs = 0;
    static std::unique_ptr<Target> current;
    if (inputs++ % kInputsEach == 0) {
        current.reset();  // a thread has one KJ loop at a time
        current = std::make_unique<Target>();
    }
    return *current;
}

}  // namespace vidai::fuzz
