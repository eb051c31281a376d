// SPDX-License-Identifier: Apache-2.0
#include "node/config/option_table.h"

#include <array>

namespace vidai::node::config {
namespace {

constexpr Applies kReload = Applies::kOnReload;
constexpr Applies kStart = Applies::kAtStart;
constexpr Bounds kPath{0, 4096};
constexpr Bounds kPort{0, 65'535};
constexpr Bounds kChoice{};
constexpr std::uint64_t kSecond = 1'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;

constexpr Option<Config> kNode[] = {
    {"ports_file", "--ports-file", kStart, kPath,
     "Where to write the ports really bound, as JSON, once the node is up; for ports given as 0.",
     [](Config& c) -> Slot { return &c.ports_file; }},

    {"listen.address", "--listen", kStart, kPort,
     "Where clients connect. Port 0 takes any free port.",
     [](Config& c) -> Slot { return BindSlot{&c.listen.address, &c.listen.port}; }},
    {"listen.tls_cert_file", "", kStart, kPath,
     "PEM certificate chain of the client listener; needs tls_key_file. Empty: plain HTTP.",
     [](Config& c) -> Slot { return &c.listen.tls_cert_file; }},
    {"listen.tls_key_file", "", kStart, kPath, "PEM private key that belongs to tls_cert_file.",
     [](Config& c) -> Slot { return &c.listen.tls_key_file; }},
    {"listen.workers",
     "--workers",
     kStart,
     {0, 256},
     "Worker threads. 0: one for each CPU that this process may use.",
     [](Config& c) -> Slot { return &c.listen.workers; }},
    {"listen.connections_max",
     "",
     kStart,
     {1, 1'000'000},
     "Open client connections per worker; further ones are closed at once.",
     [](Config& c) -> Slot { return &c.listen.connections_max; }},
    {"listen.header_bytes_max",
     "",
     kStart,
     {kKiB, kMiB},
     "Request line and headers together; a longer head is answered with 431.",
     [](Config& c) -> Slot { return &c.listen.header_bytes_max; }},
    {"listen.header_fields_max",
     "",
     kStart,
     {8, 1'000},
     "Header fields of one request.",
     [](Config& c) -> Slot { return &c.listen.header_fields_max; }},
    {"listen.body_bytes_max",
     "",
     kStart,
     {kKiB, kGiB},
     "Request body; a longer one is answered with 413.",
     [](Config& c) -> Slot { return &c.listen.body_bytes_max; }},
    {"listen.stream_buffer_max",
     "",
     kStart,
     {16 * kKiB, 64 * kMiB},
     "Bytes held for a client that reads slowly; beyond it the provider is read no further.",
     [](Config& c) -> Slot { return &c.listen.stream_buffer_max; }},
    {"listen.header_timeout",
     "",
     kReload,
     {10, 10 * kMinute},
     "From a request's first byte to the end of its headers.",
     [](Config& c) -> Slot { return &c.listen.header_timeout; }},
    {"listen.body_timeout",
     "",
     kReload,
     {10, kHour},
     "From the end of the headers to the end of the body.",
     [](Config& c) -> Slot { return &c.listen.body_timeout; }},
    {"listen.keep_alive_timeout",
     "",
     kReload,
     {10, kHour},
     "How long a connection may be idle between two requests.",
     [](Config& c) -> Slot { return &c.listen.keep_alive_timeout; }},
    {"listen.write_timeout",
     "",
     kReload,
     {10, kHour},
     "How long a client may take no byte of what waits for it.",
     [](Config& c) -> Slot { return &c.listen.write_timeout; }},
    {"listen.drain_timeout",
     "",
     kReload,
     {0, kHour},
     "After SIGTERM: how long requests in flight may go on.",
     [](Config& c) -> Slot { return &c.listen.drain_timeout; }},

    {"admin.address", "--admin-listen", kStart, kPort,
     "Health, metrics and latency. There is no authentication: keep it on loopback or behind a "
     "network policy.",
     [](Config& c) -> Slot { return BindSlot{&c.admin.address, &c.admin.port}; }},
    {"admin.hosts",
     "",
     kStart,
     {0, 16},
     "Further names that a request's Host header may say; localhost and the address always may.",
     [](Config& c) -> Slot { return &c.admin.hosts; }},

    {"log.level", "--log-level", kReload, kChoice, "The least severe event that is written.",
     [](Config& c) -> Slot { return &c.log.level; }},
    {"log.format", "--log-format", kReload, kChoice,
     "One JSON object a line, or text for people; auto is text on a terminal.",
     [](Config& c) -> Slot { return &c.log.format; }},
    {"log.requests", "", kReload, kChoice, "One line for each request, event request.done.",
     [](Config& c) -> Slot { return &c.log.requests; }},

    {"mesh.node_id",
     "--node-id",
     kStart,
     {0, 63},
     "This node's name in the mesh: a-z, 0-9, '-' and '.'. Empty: the host name.",
     [](Config& c) -> Slot { return &c.mesh.node_id; }},
    {"mesh.address", "--mesh-listen", kStart, kPort, "Where other nodes and vidaictl connect.",
     [](Config& c) -> Slot { return BindSlot{&c.mesh.listen_address, &c.mesh.listen_port}; }},
    {"mesh.advertise",
     "--advertise",
     kStart,
     {0, 300},
     "HOST:PORT under which other nodes reach this one. Empty: the address it listens on.",
     [](Config& c) -> Slot { return &c.mesh.advertise; }},
    {"mesh.seeds",
     "--seed",
     kStart,
     {0, 64},
     "HOST:PORT of any nodes of the mesh, tried for ever. Names are resolved again each time.",
     [](Config& c) -> Slot { return &c.mesh.seeds; }},
    {"mesh.data_dir",
     "--data-dir",
     kStart,
     {1, 4096},
     "Directory of this node's own: its identity, and the keys and limits it has learned.",
     [](Config& c) -> Slot { return &c.mesh.data_dir; }},
    {"mesh.root_file", "--mesh-root", kStart, kPath,
     "Public root of the mesh, made by `vidaictl mesh init`. Empty: this node is on its own and "
     "nothing listens on the mesh address.",
     [](Config& c) -> Slot { return &c.mesh.root_file; }},
    {"mesh.issuer_file", "--mesh-issuer", kStart, kPath,
     "Issuer key and certificate with which this node certifies itself, made by `vidaictl mesh "
     "init`. Whoever holds it can add nodes.",
     [](Config& c) -> Slot { return &c.mesh.issuer_file; }},
    {"mesh.join",
     "--join",
     kStart,
     {0, 8'192},
     "A join token from `vidaictl mesh token create`, with which a node without an issuer file "
     "gets its certificate once. Secret: the variable that names a file keeps it out of the list "
     "of processes.",
     [](Config& c) -> Slot { return &c.mesh.join; }},
    {"mesh.probe_interval",
     "",
     kStart,
     {50, kMinute},
     "How often a node asks another whether it lives. The same on all nodes.",
     [](Config& c) -> Slot { return &c.mesh.probe_interval; }},
    {"mesh.push_interval",
     "",
     kStart,
     {5, 10 * kSecond},
     "How long counters are gathered before they are sent to the other nodes.",
     [](Config& c) -> Slot { return &c.mesh.push_interval; }},
    {"mesh.digest_interval",
     "",
     kStart,
     {100, 10 * kMinute},
     "How often two nodes compare all they know, to repair what was lost.",
     [](Config& c) -> Slot { return &c.mesh.digest_interval; }},

    {"route.attempts_max",
     "",
     kReload,
     {1, 10},
     "Provider calls for one request, the first included.",
     [](Config& c) -> Slot { return &c.route.attempts_max; }},
};

constexpr Option<ProviderDraft> kProvider[] = {
    {"base_url", "", kReload, kChoice,
     "Where the provider's API begins, as its SDK would be told: requests go to "
     "base_url/chat/completions. Required.",
     [](ProviderDraft& d) -> Slot { return BaseUrlSlot{&d.provider}; }},
    {"dialect", "", kReload, kChoice, "The wire format it speaks.",
     [](ProviderDraft& d) -> Slot { return &d.provider.dialect; }},
    {"api_key_env",
     "",
     kReload,
     {1, 256},
     "Name of the environment variable that holds the API key.",
     [](ProviderDraft& d) -> Slot { return &d.api_key_env; }},
    {"api_key_file",
     "",
     kReload,
     {1, 4096},
     "File that holds the API key; one newline at its end is ignored.",
     [](ProviderDraft& d) -> Slot { return &d.api_key_file; }},
    {"api_key",
     "",
     kReload,
     {1, 8192},
     "The API key itself. Prefer api_key_env or api_key_file: this file is easily shared.",
     [](ProviderDraft& d) -> Slot { return &d.api_key; }},
    {"ca_file", "", kReload, kPath,
     "PEM root certificates for this provider instead of the system's.",
     [](ProviderDraft& d) -> Slot { return &d.provider.ca_file; }},
    {"timeouts.connect",
     "",
     kReload,
     {10, 10 * kMinute},
     "Resolve, connect and TLS together.",
     [](ProviderDraft& d) -> Slot { return &d.provider.timeouts.connect; }},
    {"timeouts.first_byte",
     "",
     kReload,
     {10, kHour},
     "From the request sent to the first byte of the answer.",
     [](ProviderDraft& d) -> Slot { return &d.provider.timeouts.first_byte; }},
    {"timeouts.idle",
     "",
     kReload,
     {10, kHour},
     "Between two parts of an answer.",
     [](ProviderDraft& d) -> Slot { return &d.provider.timeouts.idle; }},
    {"timeouts.total",
     "",
     kReload,
     {10, 24 * kHour},
     "One whole call of the provider.",
     [](ProviderDraft& d) -> Slot { return &d.provider.timeouts.total; }},
    {"idle_connections_max",
     "",
     kReload,
     {0, 10'000},
     "Connections to it that each worker keeps open for the next request.",
     [](ProviderDraft& d) -> Slot { return &d.provider.idle_connections_max; }},
    {"idle_connection_age",
     "",
     kReload,
     {10, kHour},
     "How long a kept connection may lie idle before it is closed.",
     [](ProviderDraft& d) -> Slot { return &d.provider.idle_connection_age; }},
};

constexpr Bounds kPriceBounds{0, 1'000'000'000'000};  // a million dollars

constexpr Option<TargetDraft> kTarget[] = {
    {"provider",
     "",
     kReload,
     {1, 63},
     "Name of one of the providers. Required.",
     [](TargetDraft& d) -> Slot { return &d.provider; }},
    {"model",
     "",
     kReload,
     {1, 256},
     "What that provider calls the model. Required.",
     [](TargetDraft& d) -> Slot { return &d.target.model; }},
    {"weight",
     "",
     kReload,
     {1, 1'000},
     "Share of the requests, within a split only.",
     [](TargetDraft& d) -> Slot { return &d.target.weight; }},
    {"price.input", "", kReload, kPriceBounds, "Per million input tokens.",
     [](TargetDraft& d) -> Slot { return &d.target.price.input; }},
    {"price.cached_input", "", kReload, kPriceBounds,
     "Per million input tokens that the provider had cached. When left out: as input.",
     [](TargetDraft& d) -> Slot { return &d.target.price.cached_input; }},
    {"price.output", "", kReload, kPriceBounds, "Per million output tokens, reasoning included.",
     [](TargetDraft& d) -> Slot { return &d.target.price.output; }},
};

}  // namespace

std::span<const Option<Config>> node_options() {
    return kNode;
}
std::span<const Option<ProviderDraft>> provider_options() {
    return kProvider;
}
std::span<const Option<TargetDraft>> target_options() {
    return kTarget;
}

std::string variable_name(std::string_view path) {
    std::string name = "VIDAI_";
    for (const char c : path) {
        if (c == '.') {
            name += '_';
        } else {
            name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        }
    }
    return name;
}

}  // namespace vidai::node::config
