// SPDX-License-Identifier: Apache-2.0
// The admin listener: a small, bounded HTTP/1.1 server on a thread of its own, so that a scrape
// never costs a worker. It moves bytes; what is answered is the handler's (node/admin).
// Construct, start and destroy on the main thread; the handler runs on the admin thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "node/request/admin_page.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::net {

using AdminHandler = std::function<request::AdminReply(const request::AdminRequest&)>;

struct AdminServerOptions {
    std::string address = "127.0.0.1";  // a literal address
    std::uint16_t port = 9420;          // 0: any free port
    std::size_t connections_max = 64;   // a further one is closed at once
    std::size_t head_bytes_max = 16 * 1024;
    std::chrono::milliseconds timeout{10'000};  // to read a request, to write an answer, idle
};

class AdminServer {
  public:
    // Binds and starts its thread. kIo, naming address and port, when it cannot.
    static Result<std::unique_ptr<AdminServer>> start(const AdminServerOptions& options,
                                                      AdminHandler handler);
    // Closes every connection and ends the thread.
    ~AdminServer();
    AdminServer(const AdminServer&) = delete;
    AdminServer& operator=(const AdminServer&) = delete;

    std::uint16_t port() const;  // as bound

  private:
    struct Impl;
    explicit AdminServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vidai::node::net
