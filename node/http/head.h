// SPDX-License-Identifier: Apache-2.0
// The heads of HTTP/1.1 requests and responses (RFC 9112), parsed once, strictly, without
// allocation. What two parsers could read differently is refused rather than repaired: that is
// how request smuggling works.
//
// A head holds offsets into the caller's contiguous buffer, so the buffer may grow and move
// between two calls (each call takes its address anew) and, with rebase(), afterwards. Views that
// accessors return live as long as the buffer stays put. Pure; belongs to one connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "node/http/field_name.h"
#include "schema/vocabulary/error.h"

namespace vidai::node::http {

struct HeadLimits {
    std::size_t bytes_max = 32 * 1024;  // start line to empty line, all included
    std::uint32_t fields_max = 100;     // at most kFieldCapacity
};
inline constexpr std::size_t kFieldCapacity = 100;

enum class Progress : std::uint8_t { kDone, kNeedMore, kError };

struct HeadStatus {
    Progress progress = Progress::kNeedMore;
    ErrorCode code = ErrorCode::kInternal;  // kError only
    std::size_t consumed = 0;               // kDone only: the body starts here
    const char* message = "";               // kError only: a sentence; static storage
};

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

// How the body ends (RFC 9112 6.3).
enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

struct Field {
    std::string_view name;   // as sent
    std::string_view value;  // without the whitespace around it
    KnownField known = KnownField::kOther;
};

class MessageHead {
  public:
    std::size_t field_count() const { return count_; }
    Field field(std::size_t i) const;  // in the order received; i < field_count()
    bool has(KnownField known) const { return slots_[static_cast<std::size_t>(known)] != 0; }
    // The first such field's value; empty when there is none, and for kOther.
    std::string_view get(KnownField known) const {
        const std::uint8_t index = slots_[static_cast<std::size_t>(known)];
        if (index == 0) return {};
        const Slot& slot = fields_[index - 1U];
        return {base_ + slot.value_at, slot.value_size};
    }
    std::string_view find(std::string_view name) const;  // any name; linear, for cold paths

    // True for what ends at this connection: the fixed list of RFC 9110 7.6.1, and the fields that
    // the message's own Connection fields name. Forwarding skips these.
    bool hop_by_hop(std::size_t i) const;

    int version_minor() const { return version_minor_; }  // HTTP/1.x: 0 or 1
    bool keep_alive() const { return keep_alive_; }       // may carry another message afterwards
    Framing framing() const { return framing_; }
    bool chunked() const { return framing_ == Framing::kChunked; }
    std::uint64_t content_length() const { return content_length_; }  // 0 unless kLength

    // The bytes that were parsed now stand at `bytes`.
    void rebase(const char* bytes) { base_ = bytes; }

  protected:
    friend class HeadParser;
    struct Slice {
        std::uint32_t at = 0;
        std::uint32_t size = 0;
    };
    struct Slot {
        std::uint32_t name_at;
        std::uint32_t value_at;
        std::uint32_t value_size;
        std::uint16_t name_size;
        KnownField known;
    };
    std::string_view view(Slice s) const { return {base_ + s.at, s.size}; }
    void reset_fields();

    const char* base_ = nullptr;
    std::uint32_t parsed_ = 0;  // where the first line starts that is not parsed yet
    std::uint32_t count_ = 0;
    std::uint64_t repeated_ = 0;  // field_bit of each known field that came twice
    std::uint64_t content_length_ = 0;
    bool start_line_done_ = false;
    bool keep_alive_ = false;
    bool connection_names_fields_ = false;  // Connection lists more than close and keep-alive
    std::uint8_t version_minor_ = 1;
    Framing framing_ = Framing::kNone;
    std::array<std::uint8_t, kKnownFieldCount + 1> slots_{};  // index of the first, plus one
    std::array<Slot, kFieldCapacity> fields_;                 // the first count_ are set
};

class RequestHead : public MessageHead {
  public:
    Method method() const { return method_; }
    std::string_view method_text() const { return view(method_text_); }
    std::string_view target() const { return view(target_); }  // as sent
    // Of origin and absolute form: the path, at least "/". "*" for OPTIONS *. Not decoded.
    std::string_view path() const { return path_.size == 0 ? "/" : view(path_); }
    std::string_view query() const { return view(query_); }  // after '?'; may be empty
    // The authority of an absolute-form target, else the Host field (RFC 9112 3.2.2).
    std::string_view host() const {
        return authority_.size != 0 ? view(authority_) : get(KnownField::kHost);
    }
    // The client waits for "100 Continue" before it sends the body.
    bool expect_continue() const { return expect_continue_; }
    // Call before the next message on the connection. Keeps no view.
    void reset();

  private:
    friend class HeadParser;
    Method method_ = Method::kOther;
    bool expect_continue_ = false;
    Slice method_text_, target_, path_, query_, authority_;
};

class ResponseHead : public MessageHead {
  public:
    int status() const { return status_; }  // 100 to 599, never 101
    std::string_view reason() const { return view(reason_); }
    // 1xx: not the answer yet; drop `consumed` bytes, reset() and parse on.
    bool interim() const { return status_ < 200; }
    void reset();

  private:
    friend class HeadParser;
    int status_ = 0;
    Slice reason_;
};

// Parses a request head at the front of `bytes`, which hold everything received since the message
// began (one leading CRLF is skipped and counted, RFC 9112 2.2). After kNeedMore call again with
// the same `head` and the same bytes plus more: parsing goes on at the first unfinished line, so
// the whole costs O(bytes) however they arrive, apart from rescans of a line that comes in
// pieces. How the bytes are split never changes the outcome. After kDone or kError, reset() first.
// Errors: kMalformedHttp, kHeadersTooLarge, kMethodNotAllowed (CONNECT), kInvalidRequest (Expect);
// after any of them the connection must close.
HeadStatus parse_request_head(std::string_view bytes, const HeadLimits& limits, RequestHead& head);

// The same for an upstream's answer to a request with method `asked`. Errors: kUpstreamInvalid.
HeadStatus parse_response_head(std::string_view bytes, const HeadLimits& limits, Method asked,
                               ResponseHead& head);

}  // namespace vidai::node::http
