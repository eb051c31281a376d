// SPDX-License-Identifier: Apache-2.0
// One invocation of one command: its arguments and flags, checked where that is the same for all,
// and the way to the mesh. Main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context/settings.h"
#include "cli/parse.h"
#include "cli/world.h"
#include "schema/vocabulary/ids.h"

namespace vidai::cli {

// A local file that is absent or closed to us is kIo: kNotFound and kPermissionDenied are what a
// node says, of a node, a key or a right.
Error about_file(Error error);

class Call {
  public:
    // The three must outlive the call.
    Call(const World& world, const Line& line, const context::Settings& settings)
        : world_(world), line_(line), settings_(settings) {}

    const World& world() const { return world_; }
    const context::Settings& settings() const { return settings_; }

    // The n-th word behind noun and verb. run() has checked how many there are.
    const std::string& argument(std::size_t n) const { return line_.words.at(2 + n); }
    std::size_t arguments() const { return line_.words.size() - 2; }
    const std::string* flag(std::string_view name) const;  // nullptr: not given

    // kUsage when the text has not the form that it must have.
    Result<NodeId> node_argument(std::size_t n) const;
    Result<KeyId> key_argument(std::size_t n) const;
    Result<std::optional<std::uint64_t>> count_flag(std::string_view name, std::uint64_t max) const;

    // Such as 500ms, 5s or 1m; nothing when the flag was not given.
    Result<std::optional<std::chrono::milliseconds>> time_flag(std::string_view name) const;

    // With the errors of context::resolve and of OperatorClient::connect.
    Result<std::unique_ptr<Operator>> connect();
    // The same operator, at another node's mesh address; after connect().
    Result<std::unique_ptr<Operator>> connect_to(const std::string& address);

    // Whom connect() asked; after it succeeded.
    const mesh::OperatorTarget& target() const { return asked_->target; }

    // What to look at when `error` came from the mesh; empty: nothing to add.
    std::string hint(const Error& error) const;

  private:
    Result<std::unique_ptr<Operator>> connect_to_one(const std::vector<std::string>& servers);

    const World& world_;
    const Line& line_;
    const context::Settings& settings_;
    std::optional<context::Resolved> asked_;
};

}  // namespace vidai::cli
