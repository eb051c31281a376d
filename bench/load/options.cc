// SPDX-License-Identifier: Apache-2.0
#include "bench/load/options.h"

#include <cmath>
#include <fstream>
#include <map>

#include <CLI/CLI.hpp>

namespace vidai::bench::load {
namespace {

Result<void> split_address(const std::string& to, Options& options) {
    const std::size_t colon = to.rfind(':');
    const std::string port = colon == std::string::npos ? "" : to.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos ||
        std::stoi(port) > 65535 || colon == 0) {
        return fail(ErrorCode::kUsage, "--to " + to + ": expected HOST:PORT");
    }
    options.host = to.substr(0, colon);
    options.port = static_cast<std::uint16_t>(std::stoi(port));
    return {};
}

// Nothing where there is no such file.
std::vector<std::string> read_lines(const std::string& path) {
    std::vector<std::string> lines;
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
        if (!line.empty()) lines.push_back(line);
    }
    return lines;
}

std::chrono::nanoseconds from_seconds(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace

Result<Options> parse_options(int argc, char** argv, std::string& help) {
    Options options;
    std::string to;
    double warm_up = 0.5;
    double duration = 2;
    CLI::App app{
        "vidai-load: POSTs chat completions and prints what it saw as JSON.\n"
        "Without --rate it runs closed: each connection sends again as soon as it is answered, "
        "and\n"
        "the figure is requests per second. With --rate it runs open: requests are due at random\n"
        "times whatever the server does, and latency counts from when each was due."};
    app.add_option("--to", to, "HOST:PORT")->required();
    app.add_option("--path", options.path)->capture_default_str();
    std::string keys_file;
    CLI::Option* const key = app.add_option("--key", options.keys.front(), "bearer token");
    app.add_option("--keys-file", keys_file, "bearer tokens, one a line, which take turns")
        ->excludes(key);
    app.add_option("--model", options.model)->capture_default_str();
    app.add_option("--header", options.headers, "a further request header, 'Name: value'");
    app.add_option("--body-bytes", options.body_bytes, "size of the JSON request")
        ->capture_default_str()
        ->check(CLI::Range(1, 1 << 24));
    app.add_flag("--stream", options.stream, "ask for streams and count their events");
    app.add_option("--connections", options.connections)
        ->capture_default_str()
        ->check(CLI::Range(1, 20'000));
    app.add_option("--rate", options.rate, "requests per second (open loop)")
        ->check(CLI::Range(0.001, 1e7));
    const std::map<std::string, Arrivals::Kind> kinds{{"poisson", Arrivals::Kind::kPoisson},
                                                      {"uniform", Arrivals::Kind::kUniform}};
    app.add_option("--arrivals", options.arrivals, "poisson or uniform")
        ->transform(CLI::CheckedTransformer(kinds));
    app.add_option("--seed", options.seed, "of the arrival times")->capture_default_str();
    app.add_option("--warm-up", warm_up, "seconds before counting")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 600.0));
    app.add_option("--duration", duration, "seconds of counting")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 3600.0));
    app.add_option("--requests", options.requests, "end after so many instead (no warm-up)");
    std::uint64_t expect_bytes = 0;
    const CLI::Option* const expected = app.add_option(
        "--expect-bytes", expect_bytes, "length of every body (else: as long as the first)");
    app.add_option("--watch", options.watch, "PID whose CPU time is reported; may be repeated");
    app.add_option("--beside", options.beside,
                   "PID that shares this core: how full the core is shows whether the server or "
                   "the load was the limit; may be repeated");
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        help = app.help();
        return options;
    } catch (const CLI::ParseError& error) {
        return fail(ErrorCode::kUsage, error.what());
    }
    if (Result<void> done = split_address(to, options); !done) return fail(done.error());
    if (!keys_file.empty()) {
        options.keys = read_lines(keys_file);
        if (options.keys.empty()) {
            return fail(ErrorCode::kUsage, "--keys-file " + keys_file + ": no key in it");
        }
    }
    if (*expected) options.expect_bytes = expect_bytes;
    options.warm_up = options.requests != 0 ? std::chrono::nanoseconds{0} : from_seconds(warm_up);
    options.duration = from_seconds(options.requests != 0 ? 600 : duration);
    return options;
}

std::string render_request(const Options& options, const std::string& key) {
    const std::string before = "{\"model\":\"" + options.model + "\"," +
                               (options.stream ? "\"stream\":true," : "") +
                               "\"messages\":[{\"role\":\"system\",\"content\":\"You answer "
                               "briefly.\"},{\"role\":\"user\",\"content\":\"";
    const std::string after = "\"}],\"temperature\":0.2,\"max_tokens\":256}";
    constexpr std::string_view kProse = "what a gateway does between a question and its answer, ";
    std::string body = before;
    while (body.size() + after.size() < options.body_bytes) {
        body += kProse[(body.size() - before.size()) % kProse.size()];
    }
    body += after;

    std::string out = "POST " + options.path + " HTTP/1.1\r\nHost: " + options.host + ":" +
                      std::to_string(options.port) + "\r\n";
    if (!key.empty()) out += "Authorization: Bearer " + key + "\r\n";
    for (const std::string& header : options.headers) out += header + "\r\n";
    out += "Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n";
    return out + body;
}

}  // namespace vidai::bench::load
