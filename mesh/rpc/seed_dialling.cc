// SPDX-License-Identifier: Apache-2.0
// How a seed is dialled: its name is resolved, and a few of its addresses are tried at once, each
// a little after the one before (as RFC 8305 has it), because some of them may be of nodes that are
// gone. The first that answers wins.
#include <algorithm>
#include <utility>

#include "mesh/rpc/links.h"

namespace vidai::mesh::rpc {

namespace {

constexpr auto kStagger = 250 * kj::MILLISECONDS;  // RFC 8305 section 8

}  // namespace

// This node, or one that it is connected to.
bool Links::knows(const std::string& address) const {
    return address == self_.hello.address || std::ranges::any_of(sessions_, [&](const auto& held) {
               return held.second.address == address;
           });
}

// One at a time: a resolver that is slow must not be asked ever more.
void Links::dial_seed(const membership::Dial& dial) {
    if (!dialled_seeds_.insert(dial.address).second) return;
    auto over = kj::defer([this, seed = dial.address]() { dialled_seeds_.erase(seed); });
    tasks_.add(kj::evalNow([&]() { return attempt_seed(dial); })
                   .attach(kj::mv(over))
                   .then([this, dial](Attempt&& done) { dialled(dial, std::move(done)); }));
}

// The dial's time begins once the name is resolved: a slow resolver delays, and hides nobody.
kj::Promise<Links::Attempt> Links::attempt_seed(const membership::Dial& dial) {
    return resolver_.resolve(dial.address)
        .then([this, dial](seeds::Resolver::Answer&& found) -> kj::Promise<Attempt> {
            if (!found || shut_) {
                return Attempt(std::unexpected(
                    Failed{membership::DialFailure::kUnreachable,
                           found ? Error{ErrorCode::kCancelled, "this node is revoked", ""}
                                 : std::move(found).error()}));
            }
            auto turn = turns_.next(dial.address, *found,
                                    [this](const std::string& where) { return knows(where); });
            if (!turn.empty()) return first_of(std::move(turn)).exclusiveJoin(late(dial));
            return Attempt(std::unexpected(
                Failed{membership::DialFailure::kRejected,
                       {ErrorCode::kAlreadyExists, "connected already to all that it means", ""}}));
        });
}

// The first success, or else the last failure. One address after the other, each begun when the one
// before has failed or has not answered within kStagger.
class Links::Race final : private kj::TaskSet::ErrorHandler {
  public:
    Race(Links& links, std::vector<std::string> addresses,
         kj::Own<kj::PromiseFulfiller<Attempt>> end)
        : links_(links), addresses_(std::move(addresses)), end_(kj::mv(end)), tasks_(*this) {
        begin_next();
    }

  private:
    void begin_next() {
        if (begun_ == addresses_.size()) return;
        const std::string& where = addresses_[begun_++];
        tasks_.add(links_.attempt_at(where, {}).then([this](Attempt&& done) {
            ++ended_;
            if (done || ended_ == addresses_.size()) return end_->fulfill(kj::mv(done));
            if (ended_ == begun_) begin_next();
        }));
        tasks_.add(links_.timer_.afterDelay(kStagger).then([this, begun = begun_]() {
            if (begun == begun_) begin_next();
        }));
    }
    void taskFailed(kj::Exception&& e) override { end_->reject(kj::mv(e)); }

    Links& links_;
    const std::vector<std::string> addresses_;
    std::size_t begun_ = 0, ended_ = 0;
    kj::Own<kj::PromiseFulfiller<Attempt>> end_;
    kj::TaskSet tasks_;
};

kj::Promise<Links::Attempt> Links::first_of(std::vector<std::string> addresses) {
    auto pair = kj::newPromiseAndFulfiller<Attempt>();
    auto race = kj::heap<Race>(*this, std::move(addresses), kj::mv(pair.fulfiller));
    return pair.promise.attach(kj::mv(race));
}

}  // namespace vidai::mesh::rpc
