// SPDX-License-Identifier: Apache-2.0
// The pages of the admin listener: from a request to its answer. It asks for what it shows through
// functions, so it knows neither threads nor sockets. The Host header is checked on every page: a
// web page that rebinds its own name to this address must not read the node's metrics. Pure but
// for what the functions do; admin thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "node/request/admin_page.h"

namespace vidai::node::admin {

// Each is called on the admin thread, once per request for its page.
struct PageSources {
    std::function<std::string()> dead;          // why to restart this process; empty: do not
    std::function<std::string()> not_ready;     // why not; empty: ready
    std::function<std::string()> metrics_text;  // Prometheus text format
    std::function<std::string()> latency_json;
    std::function<std::string()> version_json;
};

class Pages {
  public:
    // `address` is what the listener is bound to; `hosts` are further names it is known by.
    // Always allowed: localhost and loopback addresses. On a wildcard or other non-loopback
    // address any literal address is, because a name is what rebinding needs.
    Pages(PageSources sources, std::string address, std::vector<std::string> hosts);

    request::AdminReply answer(const request::AdminRequest& request) const;

  private:
    bool host_allowed(std::string_view host) const;
    PageSources sources_;
    std::string address_;
    std::vector<std::string> hosts_;
};

}  // namespace vidai::node::admin
