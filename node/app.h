// SPDX-License-Identifier: Apache-2.0
// App: the composition root. Puts the rooms, the mesh and the listeners together in order, and
// takes them apart in reverse. Main thread only.
#pragma once

#include <memory>

#include "node/config/config.h"
#include "node/config/flags.h"
#include "schema/vocabulary/result.h"

namespace vidai::node {

class App {
  public:
    // Reads the configuration and starts everything; returns once all ports are bound. The caller
    // has blocked the signals that run() waits for, so that no other thread gets them. kCancelled
    // when SIGTERM or SIGINT comes while it joins a mesh by a token.
    static Result<std::unique_ptr<App>> start(const config::Flags& flags);
    ~App();
    App(const App&) = delete;
    App& operator=(const App&) = delete;

    // The configuration and every file that it names, as start() would judge them, without side
    // effects; the configuration, so that something can be said about it.
    static Result<config::Config> check(const config::Flags& flags);

    // Serves until SIGTERM or SIGINT, then drains and leaves the mesh; SIGHUP reloads. A second
    // SIGTERM or SIGINT ends the drain at once. A drain that an operator asked for ends in a node
    // that has left, serves nobody and waits for SIGTERM. kConflict when another process has taken
    // over this node's identity: then it ends at once.
    Result<void> run();

  private:
    struct Impl;
    explicit App(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vidai::node
