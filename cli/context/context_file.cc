// SPDX-License-Identifier: Apache-2.0
#include "cli/context/context_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <yaml-cpp/yaml.h>

namespace vidai::cli::context {
namespace {

std::unexpected<Error> refused(const std::string& path, const YAML::Mark& mark,
                               const std::string& what) {
    const std::string line = mark.is_null() ? "" : ":" + std::to_string(mark.line + 1);
    return fail(ErrorCode::kConfigInvalid, path + line + ": " + what, path);
}

// Where the text of `key` in `context` goes; nullptr: no such key.
std::string* slot(Context& context, std::string_view key) {
    if (key == "name") return &context.name;
    if (key == "server") return &context.server;
    if (key == "identity") return &context.identity;
    if (key == "root") return &context.root;
    return nullptr;
}

Result<Context> read_context(const YAML::Node& node, const std::string& path) {
    if (!node.IsMap()) return refused(path, node.Mark(), "a context is a map with a name");
    Context context;
    std::vector<std::string> seen;
    for (const auto& entry : node) {
        const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
        std::string* const text = slot(context, key);
        if (text == nullptr) {
            return refused(path, entry.first.Mark(),
                           "'" + key + "' is not name, server, identity or root");
        }
        if (std::ranges::find(seen, key) != seen.end()) {
            return refused(path, entry.first.Mark(), "'" + key + "' is set twice");
        }
        if (!entry.second.IsScalar()) {
            return refused(path, entry.second.Mark(), "'" + key + "' must be text");
        }
        *text = entry.second.Scalar();
        seen.push_back(key);
    }
    if (context.name.empty()) return refused(path, node.Mark(), "a context without a name");
    return context;
}

Result<void> read_list(const YAML::Node& node, const std::string& path, ContextFile& file) {
    if (!node.IsSequence() && !node.IsNull()) {
        return refused(path, node.Mark(), "'contexts' must be a list");
    }
    for (const auto& item : node) {
        Result<Context> context = read_context(item, path);
        if (!context) return fail(std::move(context).error());
        if (file.find(context->name) != nullptr) {
            return refused(path, item.Mark(), "two contexts are named '" + context->name + "'");
        }
        file.contexts.push_back(std::move(*context));
    }
    return {};
}

Result<ContextFile> read_file(const YAML::Node& root, const std::string& path) {
    ContextFile file;
    if (root.IsNull()) return file;
    if (!root.IsMap()) return refused(path, root.Mark(), "expected current-context and contexts");
    std::vector<std::string> seen;
    for (const auto& entry : root) {
        const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
        if (std::ranges::find(seen, key) != seen.end()) {
            return refused(path, entry.first.Mark(), "'" + key + "' is set twice");
        }
        seen.push_back(key);
        if (key == "current-context" && (entry.second.IsScalar() || entry.second.IsNull())) {
            file.current = entry.second.IsScalar() ? entry.second.Scalar() : "";
        } else if (key == "contexts") {
            if (auto read = read_list(entry.second, path, file); !read) {
                return fail(std::move(read).error());
            }
        } else {
            return refused(path, entry.first.Mark(),
                           "'" + key + "' is not current-context (text) or contexts (a list)");
        }
    }
    return file;
}

}  // namespace

const Context* ContextFile::find(std::string_view name) const {
    const auto at = std::ranges::find(contexts, name, &Context::name);
    return at == contexts.end() ? nullptr : &*at;
}

Result<ContextFile> parse_contexts(const std::string& text, const std::string& path) {
    try {
        return read_file(YAML::Load(text), path);
    } catch (const YAML::Exception& error) {
        return refused(path, error.mark, "not valid YAML: " + error.msg);
    }
}

print::Value to_value(const ContextFile& file) {
    print::Value::List contexts;
    for (const Context& context : file.contexts) {
        contexts.push_back({{"name", context.name},
                            {"server", context.server},
                            {"identity", context.identity},
                            {"root", context.root}});
    }
    return {{"current-context", file.current}, {"contexts", std::move(contexts)}};
}

Result<ContextFile> load_contexts(const std::string& path) {
    std::error_code error;
    const auto kind = std::filesystem::status(path, error).type();
    if (kind == std::filesystem::file_type::not_found) return ContextFile{};
    if (kind != std::filesystem::file_type::regular) {
        const std::string why = error ? error.message() : "it is not a file";
        return fail(ErrorCode::kIo, "cannot read the contexts in " + path + ": " + why, path);
    }
    std::ifstream in(path, std::ios::binary);
    std::string text(kContextBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.eof() || in.bad()) {
        const bool large = in.good();
        return fail(ErrorCode::kIo,
                    "cannot read the contexts in " + path +
                        (large ? ": the file is larger than 256 KiB" : ": is it yours to read?"),
                    path);
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    return parse_contexts(text, path);
}

}  // namespace vidai::cli::context
