// SPDX-License-Identifier: Apache-2.0
#include "node/net/admin_server.h"

#include <csignal>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace vidai::node::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// What all connections of one server share; outlives them, both die with the io_context.
struct Shared {
    AdminServerOptions options;
    AdminHandler handler;
    std::size_t connections = 0;
};

// One connection: read a request, write its answer, again while it is kept alive. Alive as long as
// an operation of its own is pending, and each has a deadline.
class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(tcp::socket socket, std::shared_ptr<Shared> shared)
        : stream_(std::move(socket)),
          buffer_(shared->options.head_bytes_max + 1),
          shared_(std::move(shared)) {
        ++shared_->connections;
    }
    ~Session() { --shared_->connections; }

    void read() {
        parser_.emplace();
        parser_->header_limit(static_cast<std::uint32_t>(shared_->options.head_bytes_max));
        stream_.expires_after(shared_->options.timeout);
        http::async_read(
            stream_, buffer_, *parser_,
            [self = shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
    }

  private:
    void on_read(error_code error) {
        if (error == http::error::header_limit || error == http::error::buffer_overflow) {
            return refuse(http::status::request_header_fields_too_large);
        }
        if (error && error.category() == http_category() && error != http::error::end_of_stream &&
            error != http::error::partial_message) {
            return refuse(http::status::bad_request);
        }
        if (error) return close();
        const auto& request = parser_->get();
        answer(request);
    }

    // The category of Beast's parsing errors.
    static const boost::system::error_category& http_category() {
        return http::make_error_code(http::error::end_of_stream).category();
    }

    void answer(const http::request<http::empty_body>& request) {
        request::AdminReply reply;
        try {
            reply = shared_->handler(
                {request.method_string(), request.target(), request[http::field::host]});
        } catch (const std::exception& failure) {
            reply = {.status = 500, .body = std::string("failed: ") + failure.what() + "\n"};
        }
        response_ = {};
        response_.version(request.version());
        response_.result(reply.status);
        response_.set(http::field::content_type, reply.content_type);
        if (!reply.allow.empty()) response_.set(http::field::allow, reply.allow);
        response_.keep_alive(request.keep_alive());
        const std::size_t length = reply.body.size();
        if (request.method() != http::verb::head) response_.body() = std::move(reply.body);
        response_.content_length(length);
        write();
    }

    void refuse(http::status status) {
        response_ = {};
        response_.version(11);
        response_.result(status);
        response_.keep_alive(false);
        response_.content_length(0);
        write();
    }

    void write() {
        response_.set(http::field::cache_control, "no-store");
        response_.set("x-content-type-options", "nosniff");
        stream_.expires_after(shared_->options.timeout);
        serializer_.emplace(response_);
        http::async_write(stream_, *serializer_,
                          [self = shared_from_this()](error_code error, std::size_t) {
                              if (error || !self->response_.keep_alive()) return self->close();
                              self->read();
                          });
    }

    void close() {
        error_code ignored;
        stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        stream_.close();
    }

    beast::tcp_stream stream_;
    beast::flat_buffer buffer_;
    std::shared_ptr<Shared> shared_;
    std::optional<http::request_parser<http::empty_body>> parser_;
    http::response<http::string_body> response_;
    std::optional<http::response_serializer<http::string_body>> serializer_;
};

}  // namespace

struct AdminServer::Impl {
    Impl(const AdminServerOptions& options, AdminHandler handler)
        : shared(std::make_shared<Shared>(Shared{options, std::move(handler), 0})) {}

    error_code listen() {
        error_code error;
        const asio::ip::address address = asio::ip::make_address(shared->options.address, error);
        if (error) return error;
        const tcp::endpoint endpoint(address, shared->options.port);
        acceptor.open(endpoint.protocol(), error);
        if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor.bind(endpoint, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (!error) port = acceptor.local_endpoint(error).port();
        return error;
    }

    void accept() {
        acceptor.async_accept([this](error_code error, tcp::socket socket) {
            if (error == asio::error::operation_aborted) return;
            if (error) return pause();
            // Beyond the bound the socket dies here.
            if (shared->connections < shared->options.connections_max) {
                std::make_shared<Session>(std::move(socket), shared)->read();
            }
            accept();
        });
    }

    // Out of descriptors or memory: the connection stays queued, so asking at once would spin.
    void pause() {
        retry.expires_after(std::chrono::milliseconds(100));
        retry.async_wait([this](error_code error) {
            if (!error) accept();
        });
    }

    void run() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the main thread's
        context.run();
    }

    std::shared_ptr<Shared> shared;
    asio::io_context context{1};
    tcp::acceptor acceptor{context};
    asio::steady_timer retry{context};
    std::uint16_t port = 0;
    std::thread thread;
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<AdminServer>> AdminServer::start(const AdminServerOptions& options,
                                                        AdminHandler handler) {
    auto impl = std::make_unique<Impl>(options, std::move(handler));
    if (const error_code error = impl->listen()) {
        return fail(ErrorCode::kIo,
                    "cannot listen on " + options.address + " port " +
                        std::to_string(options.port) + " (admin.address): " + error.message() +
                        "; is another node running here? Else choose another --admin-listen",
                    "admin.address");
    }
    impl->accept();
    impl->thread = std::thread([raw = impl.get()] { raw->run(); });
    return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

AdminServer::~AdminServer() {
    impl_->context.stop();
    impl_->thread.join();
}

std::uint16_t AdminServer::port() const {
    return impl_->port;
}

}  // namespace vidai::node::net
