// SPDX-License-Identifier: Apache-2.0
// vidaid: one node of a Vidai mesh.
#include <csignal>
#include <cstdio>
#include <span>
#include <string>

#include "mesh/wire_version.h"
#include "node/app.h"
#include "node/config/flags.h"
#include "node/version.h"

namespace {

using namespace vidai;

constexpr int kExitError = 1;
constexpr int kExitUsage = 2;

int complain(const Error& error) {
    // Not "%s": what a file holds is quoted, and a NUL in it must not cut the rest off.
    const std::string text = "vidaid: " + error.message + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
    return error.code == ErrorCode::kUsage ? kExitUsage : kExitError;
}

void print_version() {
    const std::string text = "vidaid " + std::string(node::kVersion) + " (revision " +
                             std::string(node::kRevision) + ", " + std::string(node::kBuildType) +
                             "), mesh wire " + std::to_string(mesh::kWireMin) + " to " +
                             std::to_string(mesh::kWireMax) + "\n";
    std::fputs(text.c_str(), stdout);
}

int check_config(const node::config::Flags& flags) {
    const auto config = node::App::check(flags);
    if (!config) return complain(config.error());
    for (const std::string& warning : config->warnings) {
        std::fprintf(stderr, "vidaid: warning: %s\n", warning.c_str());
    }
    std::printf("configuration ok: %zu providers, %zu models\n", config->providers.size(),
                config->route.aliases.size());
    return 0;
}

// Before any thread starts, so that each inherits the mask and only App::run() gets the signals.
void prepare_signals() {
    sigset_t handled;
    sigemptyset(&handled);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, signal);
    pthread_sigmask(SIG_BLOCK, &handled, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = std::span(argv, static_cast<std::size_t>(argc)).subspan(1);
    const auto flags = node::config::parse_flags(arguments);
    if (!flags) return complain(flags.error());
    if (flags->help) {
        std::fputs(node::config::help_text().c_str(), stdout);
        return 0;
    }
    if (flags->version) {
        print_version();
        return 0;
    }
    if (flags->check_config) return check_config(*flags);
    prepare_signals();
    auto app = node::App::start(*flags);
    if (!app && app.error().code == ErrorCode::kCancelled) return 0;  // as it was told
    if (!app) return complain(app.error());
    const auto ended = (*app)->run();
    return ended ? 0 : complain(ended.error());
}
