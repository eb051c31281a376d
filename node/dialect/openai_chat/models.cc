// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/models.h"

#include "node/dialect/json/text.h"

namespace vidai::node::dialect::openai_chat {

void append_models(std::string& out, std::span<const ModelEntry> models) {
    out.append(R"({"object":"list","data":[)");
    bool first = true;
    for (const ModelEntry& model : models) {
        out.append(first ? R"({"id":)" : R"(,{"id":)");
        first = false;
        json::append_quoted(out, model.id);
        out.append(R"(,"object":"model","created":)");
        out.append(std::to_string(model.created));
        out.append(R"(,"owned_by":)");
        json::append_quoted(out, model.owned_by);
        out.push_back('}');
    }
    out.append("]}");
}

}  // namespace vidai::node::dialect::openai_chat
