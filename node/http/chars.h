// SPDX-License-Identifier: Apache-2.0
// Which byte may stand where in an HTTP/1.1 message (RFC 9110 5.6.2, RFC 9112, RFC 3986), and the
// scans over them that the hot path spends its time in: sixteen bytes a step where SSE2 exists
// (every x86-64), a table elsewhere. Pure; any thread. Nothing here reads at or beyond `end`.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vidai::node::http {

enum CharClass : std::uint8_t {
    kTokenChar = 1,   // tchar: method and field names
    kValueChar = 2,   // field values: HTAB, SP, visible, obs-text
    kTargetChar = 4,  // request targets: the characters of RFC 3986, no fragment
    kHostChar = 8,    // host and port of RFC 3986, no userinfo
    kHexChar = 16,
};

namespace detail {
consteval std::array<std::uint8_t, 256> char_classes() {
    std::array<std::uint8_t, 256> classes{};
    const auto add = [&](std::string_view chars, unsigned bits) {
        for (const char c : chars) {
            auto& slot = classes[static_cast<std::uint8_t>(c)];
            slot = static_cast<std::uint8_t>(slot | bits);
        }
    };
    add("0123456789", kTokenChar | kTargetChar | kHostChar | kHexChar);
    add("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        kTokenChar | kTargetChar | kHostChar);
    add("abcdefABCDEF", kHexChar);
    add("!#$%&'*+-.^_`|~", kTokenChar);
    add("-._~%!$&'()*+,;=:@/?[]", kTargetChar);
    add("-._~%!$&'()*+,;=:[]", kHostChar);
    for (unsigned c = 0; c < 256; ++c) {
        const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
        if (!control) classes[c] = static_cast<std::uint8_t>(classes[c] | kValueChar);
    }
    return classes;
}
inline constexpr std::array<std::uint8_t, 256> kCharClasses = char_classes();
}  // namespace detail

inline constexpr bool is_class(char c, CharClass wanted) {
    return (detail::kCharClasses[static_cast<std::uint8_t>(c)] & wanted) != 0;
}

// The first byte of [p, end) outside `wanted`, or `end`.
inline const char* skip_class(const char* p, const char* end, CharClass wanted) {
    while (p != end && is_class(*p, wanted)) ++p;
    return p;
}

// skip_class(p, end, wanted), quick where letters, the bytes kFrom to kTo and kAlso prevail, all of
// which must be in `wanted`.
template <CharClass wanted, char kFrom, char kTo, char kAlso>
inline const char* skip_mostly(const char* p, const char* end) {
#if defined(__SSE2__)
    while (end - p >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i letter =
            _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        const __m128i inside = _mm_sub_epi8(bytes, _mm_set1_epi8(kFrom));
        const __m128i good = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
                         _mm_cmpeq_epi8(_mm_min_epu8(inside, _mm_set1_epi8(kTo - kFrom)), inside)),
            _mm_cmpeq_epi8(bytes, _mm_set1_epi8(kAlso)));
        const auto other = static_cast<unsigned>(_mm_movemask_epi8(good)) ^ 0xffffU;
        if (other != 0) {
            p += std::countr_zero(other);
            if (!is_class(*p, wanted)) return p;
            ++p;
        } else {
            p += 16;
        }
    }
#endif
    return skip_class(p, end, wanted);
}

inline const char* skip_token(const char* p, const char* end) {
    return skip_mostly<kTokenChar, '0', '9', '-'>(p, end);
}
inline const char* skip_target(const char* p, const char* end) {
    return skip_mostly<kTargetChar, '-', ':', '_'>(p, end);
}
inline const char* skip_host(const char* p, const char* end) {
    return skip_mostly<kHostChar, '0', ':', '.'>(p, end);
}

// The first byte of [p, end) that may not stand in a field value (a control other than HTAB; the
// CR of a well-formed line), or `end`.
inline const char* skip_value(const char* p, const char* end) {
#if defined(__SSE2__)
    while (end - p >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        const __m128i bad =
            _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')), low),
                         _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(bad));
        if (mask != 0) return p + std::countr_zero(mask);
        p += 16;
    }
#endif
    return skip_class(p, end, kValueChar);
}

// The first CR or LF of [p, end), or `end`.
inline const char* find_line_end(const char* p, const char* end) {
#if defined(__SSE2__)
    while (end - p >= 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')),
                                         _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hit));
        if (mask != 0) return p + std::countr_zero(mask);
        p += 16;
    }
#endif
    while (p != end && *p != '\n' && *p != '\r') ++p;
    return p;
}

namespace detail {
// The bytes of two words that differ by more than bit 5.
template <class Word>
inline Word differing(const char* text, const char* known) {
    Word a;
    Word b;
    std::memcpy(&a, text, sizeof a);
    std::memcpy(&b, known, sizeof b);
    return (a | static_cast<Word>(0x2020202020202020)) ^ b;
}
}  // namespace detail

// `text`, made of token or value characters, equals `known`, made of lower-case letters, digits and
// hyphens, but for case. Setting bit 5 yields one of those only from itself, its upper case or a
// control character, and of the controls only HTAB can be here, which yields none.
inline bool equals_folded(std::string_view text, std::string_view known) {
    const std::size_t size = known.size();
    if (text.size() != size) return false;
    const char* const a = text.data();
    const char* const b = known.data();
    // The last word overlaps the one before where the size is no multiple of a word's.
    if (size >= 8) {
        const std::size_t last = size - 8;
        std::uint64_t differ = detail::differing<std::uint64_t>(a, b) |
                               detail::differing<std::uint64_t>(a + last, b + last);
        for (std::size_t i = 8; i < last; i += 8) {
            differ |= detail::differing<std::uint64_t>(a + i, b + i);
        }
        return differ == 0;
    }
    if (size >= 4) {
        const std::size_t last = size - 4;
        return (detail::differing<std::uint32_t>(a, b) |
                detail::differing<std::uint32_t>(a + last, b + last)) == 0;
    }
    for (std::size_t i = 0; i < size; ++i) {
        if (detail::differing<std::uint8_t>(a + i, b + i) != 0) return false;
    }
    return true;
}

// Equal but for ASCII case, any bytes on either side; for cold paths.
inline constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (fold(a[i]) != fold(b[i])) return false;
    }
    return true;
}

}  // namespace vidai::node::http
