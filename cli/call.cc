// SPDX-License-Identifier: Apache-2.0
#include "cli/call.h"

#include <algorithm>
#include <charconv>

namespace vidai::cli {

const std::string* Call::flag(std::string_view name) const {
    const auto given = line_.flags.find(name);
    return given == line_.flags.end() ? nullptr : &given->second;
}

Result<NodeId> Call::node_argument(std::size_t n) const {
    Result<NodeId> node = parse_node_id(argument(n));
    if (!node) {
        return fail(ErrorCode::kUsage,
                    node.error().message + "; 'vidaictl mesh members' lists them", "NODE");
    }
    return node;
}

Result<KeyId> Call::key_argument(std::size_t n) const {
    const std::string& text = argument(n);
    const bool good =
        text.size() == 12 && std::ranges::all_of(text, [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        });
    if (good) return KeyId(text);
    // Not repeated: what was pasted may be a secret.
    return fail(ErrorCode::kUsage,
                "KEY_ID is the 12 letters and digits that 'vidaictl key list' shows, which stand "
                "in a key behind 'sk-vidai-'; never give a whole key",
                "KEY_ID");
}

Result<std::optional<std::uint64_t>> Call::count_flag(std::string_view name,
                                                      std::uint64_t max) const {
    const std::string* const text = flag(name);
    if (text == nullptr) return std::optional<std::uint64_t>();
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
    if (error == std::errc() && end == text->data() + text->size() && count >= 1 && count <= max) {
        return std::optional(count);
    }
    return fail(ErrorCode::kUsage,
                std::string(name) + " takes a whole number from 1 to " + std::to_string(max) +
                    ", not '" + *text + "'; without the flag there is no limit",
                std::string(name));
}

Result<std::unique_ptr<Operator>> Call::connect() {
    const Result<context::ContextFile> file = context::load_contexts(settings_.file);
    if (!file) return fail(file.error());
    Result<context::Resolved> resolved = context::resolve(settings_, *file);
    if (!resolved) return fail(std::move(resolved).error());
    asked_ = std::move(*resolved);
    auto connected = connect_to_one(context::each_server(asked_->target.address));
    if (connected) return connected;
    const std::string& at_fault = connected.error().param;
    const bool ours = !at_fault.empty() && (at_fault == asked_->target.identity_file ||
                                            at_fault == asked_->target.root_file);
    return fail(ours ? about_file(connected.error()) : connected.error());
}

// The first that answers: one that refuses us would not be right where the others are.
Result<std::unique_ptr<Operator>> Call::connect_to_one(const std::vector<std::string>& servers) {
    const std::string all = asked_->target.address;
    std::string silent;
    for (const std::string& server : servers) {
        asked_->target.address = server;
        auto connected = world_.connect(asked_->target, settings_.timeout);
        const bool next = !connected && (connected.error().code == ErrorCode::kUnavailable ||
                                         connected.error().code == ErrorCode::kDeadlineExceeded);
        if (!next || servers.size() == 1) return connected;
        silent += (silent.empty() ? "" : "; ") + server + ": " + connected.error().message;
    }
    asked_->target.address = all;
    return fail(ErrorCode::kUnavailable, "no server answers: " + silent, "server");
}

Error about_file(Error error) {
    if (error.code == ErrorCode::kNotFound || error.code == ErrorCode::kPermissionDenied) {
        error.code = ErrorCode::kIo;
    }
    return error;
}

Result<std::optional<std::chrono::milliseconds>> Call::time_flag(std::string_view name) const {
    const std::string* const text = flag(name);
    if (text == nullptr) return std::optional<std::chrono::milliseconds>();
    auto time = context::parse_timeout(*text);
    if (time) return std::optional(*time);
    return fail(ErrorCode::kUsage,
                std::string(name) + " takes a time from 1ms to 60m, such as 500ms or 5s, not '" +
                    *text + "'",
                std::string(name));
}

Result<std::unique_ptr<Operator>> Call::connect_to(const std::string& address) {
    asked_->target.address = address;
    asked_->source = "what the mesh knows";
    return world_.connect(asked_->target, settings_.timeout);
}

std::string Call::hint(const Error& error) const {
    if (!asked_ || error.param.starts_with("--")) return "";  // it is about a flag of the command
    const mesh::OperatorTarget& target = asked_->target;
    std::string asked = "asked " + target.address + " (from " + asked_->source + ")";
    const bool local = target.address.starts_with("unix:");
    switch (error.code) {
        case ErrorCode::kUnavailable:
            return asked + ": is vidaid up, and is this its mesh address? --server asks another" +
                   (local ? "" : ", a node without a mesh at unix:DATA_DIR/operator.sock");
        case ErrorCode::kDeadlineExceeded:
            return asked + " and waited " + std::to_string(settings_.timeout.count()) +
                   " ms: --timeout waits longer, --server asks another";
        case ErrorCode::kUnauthenticated:
            if (local) return asked;
            return asked + " with --identity " + target.identity_file + " and --root " +
                   target.root_file + ": both must be of the mesh that this node belongs to";
        case ErrorCode::kPermissionDenied:
            return local ? asked : asked + " with --identity " + target.identity_file;
        default:
            return "";
    }
}

}  // namespace vidai::cli
