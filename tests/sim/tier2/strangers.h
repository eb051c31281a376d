// SPDX-License-Identifier: Apache-2.0
// Strangers: programs that are no members and come to a node's door, or stand where a member was
// and are dialled. A node answers who has not proved itself with its one message of the handshake
// and not a byte more, lets go of it in time, and counts why (I13 of the design: no byte of it
// reaches capnproto); who proved to be something else than a peer may do what its role allows.
// All of it is judged from outside, by what the stranger hears. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <kj/async-io.h>
#include <kj/timer.h>

#include "tests/sim/tier2/caller.h"
#include "tests/sim/tier2/forger.h"
#include "tests/sim/tier2/node.h"
#include "tests/sim/tier2/story.h"

namespace vidai::sim {

class Strangers final : private kj::TaskSet::ErrorHandler {
  public:
    // What is borrowed outlives it.
    Strangers(Door door, kj::Timer& timer, Forger& forger, Accuse accuse);
    ~Strangers() noexcept(false);

    // Comes to `node`'s door. `other`: whose certificate a thief has; `members`: all nodes' hosts.
    void visit(const Event& event, SimNode& node, const SimNode& other,
               const std::set<Host>& members);
    // Listens where a node was, as one who may have had a look at its certificate.
    void stand_in(const Event& event, const Host& host, const mesh::seal::Credentials& victim);
    void go(const Host& host);

    // How many came whose treatment was judged.
    std::uint64_t judged() const { return judged_; }

  private:
    struct Visit;
    struct Stand;
    void taskFailed(kj::Exception&& e) override;
    std::shared_ptr<Visit> arrive(const Event& event, SimNode& node);
    kj::Promise<void> say(std::shared_ptr<Visit> visit, mesh::seal::Bytes bytes);
    kj::Promise<void> show(std::shared_ptr<Visit> visit, Forger::Shown as);
    kj::Promise<void> misuse(std::shared_ptr<Visit> visit, Forger::Shown as);
    kj::Promise<void> listen(std::shared_ptr<Visit> visit, kj::AsyncIoStream& stream);
    kj::Promise<void> within(std::shared_ptr<Visit> visit, kj::Promise<void> talk);
    void judge(const std::shared_ptr<Visit>& visit);
    kj::Promise<void> receive(Stand& stand);
    kj::Promise<void> impersonate(Stand& stand, kj::Own<kj::AsyncIoStream> stream);
    Host fresh_host();

    Door door_;
    kj::Timer& timer_;
    Forger& forger_;
    const Accuse accuse_;
    std::uint32_t hosts_ = 0;
    std::uint64_t judged_ = 0;
    std::map<Host, std::unique_ptr<Stand>> stands_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::sim
