// SPDX-License-Identifier: Apache-2.0
// vidai-mock: an OpenAI-compatible provider for tests, demos and benchmarks.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>

#include <sys/resource.h>
#include <unistd.h>

#include "bench/mock/fast.h"
#include "bench/mock/options.h"
#include "bench/mock/server.h"

namespace {

using namespace vidai;
using namespace vidai::bench::mock;

// Whole or not at all: whoever waits for the file must never read half of it.
Result<void> write_ports_file(const std::string& path, std::uint16_t port) {
    const std::string partial = path + ".partial";
    std::ofstream out(partial);
    out << "{\"mock\": " << port << "}\n";
    out.close();
    if (!out || std::rename(partial.c_str(), path.c_str()) != 0) {
        return fail(ErrorCode::kIo, "--ports-file " + path + ": cannot write there");
    }
    return {};
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> run(const Options& options) {
    const Result<Listener> listener = listen_on(options);
    if (!listener) return fail(listener.error());
    if (!options.ports_file.empty()) {
        if (Result<void> done = write_ports_file(options.ports_file, listener->port); !done) {
            return done;
        }
    }
    std::cerr << "vidai-mock: listening on " << (options.tls_cert.empty() ? "http" : "https")
              << "://" << options.host << ':' << listener->port << std::endl;
    return options.fast ? serve_fast(options, *listener) : serve(options, *listener);
}

}  // namespace

int main(int argc, char** argv) {
    std::string help;
    const Result<Options> options = parse_options(argc, argv, help);
    if (!options) {
        std::cerr << "vidai-mock: " << options.error().message << " (see --help)\n";
        return 2;
    }
    if (!help.empty()) {
        std::cout << help;
        return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    if (const Result<void> done = run(*options); !done) {
        std::cerr << "vidai-mock: " << done.error().message << '\n';
        return 1;
    }
    return 0;
}
