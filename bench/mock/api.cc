// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/api.h"

#include <charconv>
#include <chrono>

#include "bench/mock/text.h"

namespace vidai::bench::mock {
namespace {

constexpr std::string_view kJson = "application/json";

std::string ok(const Request& request, std::string_view body) {
    return response(200, kJson, "", body, request.keep_alive);
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(text.begin(), text.end(), value);
    if (error != std::errc{} || stop != text.end() || text.empty()) return std::nullopt;
    return value;
}

std::int64_t unix_seconds() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

std::string Api::refuse(const Request& request, int status, std::string_view message,
                        std::string_view code) const {
    std::string headers;
    append(headers, "x-request-id: req_mock_", stats_.requests, "\r\n");
    return response(status, kJson, headers, error_body(message, "invalid_request_error", code),
                    request.keep_alive);
}

Reply Api::handle(const Request& request, std::uint64_t connection) {
    Reply reply;
    reply.keep_alive = request.keep_alive;
    const std::string_view path = request.path();
    if (path.starts_with("/mock/")) {
        reply.bytes = admin(request);
        return reply;
    }
    ++stats_.requests;
    recorder_.add(stats_.requests, connection, request);
    if (!options_.require_key.empty() && request.credential() != options_.require_key) {
        reply.bytes = refuse(request, 401, "Incorrect API key provided.", "invalid_api_key");
    } else if (path == "/v1/chat/completions") {
        if (request.method == "POST") return chat(request);
        reply.bytes = refuse(request, 405, "Only POST is accepted here.", "method_not_allowed");
    } else if (path == "/v1/models") {
        reply.bytes = models(request);
    } else {
        reply.bytes = refuse(request, 404, "Unknown request URL.", "unknown_url");
    }
    return reply;
}

Reply Api::chat(const Request& request) {
    Reply reply;
    reply.keep_alive = request.keep_alive;
    const std::string credential(request.credential());
    Result<ChatCall> call = parse_chat_call(request.body);
    Behaviour behaviour = options_.behaviour;
    if (call) {
        apply_model_directives(call->model, behaviour);
        faults_.apply(credential, call->model, behaviour);
    }
    const Result<void> header = apply_directives(request.header("x-mock-fault"), behaviour);
    if (!call || !header) {
        const Error& error = call ? header.error() : call.error();
        reply.ticket = bill_.start(credential, call ? call->model : "");
        bill_.end(reply.ticket, Bill::End::kRejected, std::chrono::nanoseconds{0});
        reply.bytes = refuse(request, 400, error.message, "");
        return reply;
    }
    const Answer& answer = reply.answer.emplace(*call, behaviour,
                                                Answer::Identity{.number = stats_.requests,
                                                                 .created = unix_seconds(),
                                                                 .seed = options_.seed,
                                                                 .keep_alive = request.keep_alive});
    reply.ticket = bill_.start(credential, call->model);
    bill_.add_input(reply.ticket, answer.input_tokens(), answer.cached_tokens());
    return reply;
}

std::string Api::models(const Request& request) const {
    std::string body = R"({"object":"list","data":[)";
    for (const std::string& model : options_.models) {
        append(body, &model == &options_.models.front() ? "" : ",", "{\"id\":", json_string(model),
               ",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"vidai-mock\"}");
    }
    return ok(request, body += "]}");
}

std::string Api::admin(const Request& request) {
    const std::string_view path = request.path();
    const bool get = request.method == "GET";
    const bool reset = request.method == "DELETE";
    if (path.starts_with("/mock/faults")) return admin_faults(request);
    if (path == "/mock/bill" && (get || reset)) {
        if (reset) bill_.reset();
        return ok(request, bill_.json());
    }
    if (path == "/mock/requests" && (get || reset)) {
        if (reset) recorder_.clear();
        const std::string_view last = request.query("last");
        return ok(request, recorder_.json(whole_number(last).value_or(options_.record_max)));
    }
    if (path == "/mock/stats" && get) {
        std::string body;
        append(body, "{\"connections_accepted\":", stats_.accepted,
               ",\"connections_open\":", stats_.open, ",\"requests\":", stats_.requests, "}\n");
        return ok(request, body);
    }
    return refuse(request, 404, "No such admin call; see vidai-mock --help.", "unknown_url");
}

std::string Api::admin_faults(const Request& request) {
    std::string_view rest = request.path().substr(std::string_view("/mock/faults").size());
    if (rest.empty() && request.method == "POST") {
        const Result<std::uint64_t> id = faults_.add(request.body);
        if (!id) return refuse(request, 400, id.error().message, "invalid_fault");
        std::string body;
        append(body, "{\"id\":", *id, "}\n");
        return ok(request, body);
    }
    if (request.method == "DELETE") {
        if (rest.empty()) {
            faults_.clear();
            return ok(request, faults_.json());
        }
        const std::optional<std::uint64_t> id = whole_number(rest.substr(1));
        if (id && faults_.remove(*id)) return ok(request, faults_.json());
    }
    if (rest.empty() && request.method == "GET") return ok(request, faults_.json());
    return refuse(request, 404, "No such fault.", "unknown_fault");
}

}  // namespace vidai::bench::mock
