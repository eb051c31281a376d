// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/options.h"

#include <CLI/CLI.hpp>

namespace vidai::bench::mock {
namespace {

Result<void> split_listen(const std::string& listen, Options& options) {
    const std::size_t colon = listen.rfind(':');
    const auto bad = [&] {
        return fail(ErrorCode::kUsage, "--listen " + listen + ": expected HOST:PORT");
    };
    if (colon == std::string::npos || colon == 0) return bad();
    options.host = listen.substr(0, colon);
    const std::string port = listen.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) {
        return bad();
    }
    const int number = std::stoi(port);
    if (number > 65535) return bad();
    options.port = static_cast<std::uint16_t>(number);
    return {};
}

}  // namespace

Result<Options> parse_options(int argc, char** argv, std::string& help) {
    Options options;
    std::string listen = "127.0.0.1:8081";
    std::string behaviour;
    CLI::App app{
        "vidai-mock: an OpenAI-compatible provider that can fail on purpose and keeps an "
        "exact bill"};
    app.add_option("--listen", listen, "HOST:PORT; port 0 takes a free one")->capture_default_str();
    app.add_option("--ports-file", options.ports_file,
                   "write {\"mock\": PORT} here once listening");
    app.add_option("--require-key", options.require_key, "answer 401 to any other bearer token");
    app.add_option("--tls-cert", options.tls_cert, "PEM certificate chain: serve TLS");
    app.add_option("--tls-key", options.tls_key, "PEM private key");
    app.add_option("--model", options.models, "a model for /v1/models (any model is answered)");
    app.add_option("--behaviour", behaviour, "directives for every call, see below");
    app.add_option("--seed", options.seed, "of the words and of chance")->capture_default_str();
    app.add_option("--record", options.record_max, "requests kept for /mock/requests")
        ->capture_default_str()
        ->check(CLI::Range(0, 100'000));
    app.add_option("--connections-max", options.connections_max, "more are closed")
        ->capture_default_str()
        ->check(CLI::Range(1, 100'000));
    app.add_flag(
        "--fast", options.fast,
        "canned answers for load tests: no bill, no faults; only tokens and rate are used");
    app.footer(
        "Directives, separated by commas, in --behaviour, in the header x-mock-fault and in "
        "POST /mock/faults\n(and in a model's name: fault-503, fault-ttft-200+reset-after-3):\n" +
        directives_help() +
        "\nAdmin: GET|DELETE /mock/bill, GET|POST|DELETE /mock/faults, DELETE /mock/faults/ID,\n"
        "GET|DELETE /mock/requests?last=N, GET /mock/stats");
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        help = app.help();
        return options;
    } catch (const CLI::ParseError& error) {
        return fail(ErrorCode::kUsage, error.what());
    }
    if (Result<void> done = split_listen(listen, options); !done) return fail(done.error());
    if (options.tls_cert.empty() != options.tls_key.empty()) {
        return fail(ErrorCode::kUsage, "--tls-cert and --tls-key go together");
    }
    if (Result<void> done = apply_directives(behaviour, options.behaviour); !done) {
        return fail(ErrorCode::kUsage, "--behaviour: " + done.error().message);
    }
    return options;
}

}  // namespace vidai::bench::mock
