// SPDX-License-Identifier: Apache-2.0
// What the connections of one worker share. Owned by the worker, on whose thread all of it lives.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "node/net/buffer.h"
#include "node/net/deadline_wheel.h"
#include "node/net/options.h"
#include "node/net/poller.h"
#include "node/net/resolver.h"
#include "node/net/waiting_room.h"
#include "node/observe/worker_metrics.h"

namespace vidai::node::net {

struct WorkerContext {
    boost::asio::io_context& io;
    Poller& poller;
    DeadlineWheel& wheel;
    BufferPool& buffers;
    Resolver& resolver;
    observe::WorkerMetrics& metrics;
    WaitingRoom& waiting_room;
    const ListenOptions& options;
    // What died in an event callback lives until the round is over: its own frames may still be
    // on the stack.
    std::vector<std::shared_ptr<void>>& graveyard;

    void bury(std::shared_ptr<void> dead) { graveyard.push_back(std::move(dead)); }
};

}  // namespace vidai::node::net
