#include "message/encoded_word.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/text.h"
#include "message/charset.h"
#include "message/header.h"
#include "message/lexical.h"

namespace angarium::message {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
/// No charset with its language tag has a longer name.
constexpr std::size_t kCharsetMax = 64;

struct EncodedWord {
  std::string_view charset;  ///< without the language
  char encoding;             ///< 'B' or 'Q'
  std::string_view text;
  std::size_t size;  ///< of the whole word
};

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr std::array<std::int8_t, 256> kBase64 = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}();

/// Base64 as found in headers: other octets are skipped, padding begins a new group, what is cut off is dropped.
void append_base64(std::string& out, std::string_view text) {
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const int value = kBase64[static_cast<unsigned char>(c)];
    if (c == '=') count = 0;
    if (value < 0) continue;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(static_cast<unsigned char>(bits >> count & 0xFF));
    }
  }
}

/// Where a fold inside an encoded word ends: past the line ends and blanks that begin at `at`.
std::size_t fold_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

void append_q(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '=' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else if (c == '_') {
      out += ' ';
    } else if (c == '\r' || c == '\n') {
      i = fold_end(text, i) - 1;
    } else {
      out += c;
    }
  }
}

/// Reads text from the left and gives its encoded words.
class WordScanner {
 public:
  explicit WordScanner(std::string_view text) : text_(text) {}

  /// The encoded word that begins at `at`, where "=?" stands.
  std::optional<EncodedWord> at(std::size_t at) {
    const std::size_t charset_end = text_.substr(at + 2, kCharsetMax + 1).find('?');
    if (charset_end == kNone || charset_end == 0) return std::nullopt;
    const std::string_view charset = text_.substr(at + 2, charset_end);
    if (charset.find_first_of(" \t\r\n") != kNone) return std::nullopt;
    const std::size_t encoding = at + 2 + charset_end + 1;
    if (encoding + 1 >= text_.size() || text_[encoding + 1] != '?') return std::nullopt;
    const char letter = to_upper(text_[encoding]);
    if (letter != 'B' && letter != 'Q') return std::nullopt;
    const std::size_t end = close_after(encoding + 2);
    if (end == kNone) return std::nullopt;
    // RFC 2231 §5: the language follows an asterisk.
    return EncodedWord{charset.substr(0, charset.find('*')), letter, text_.substr(encoding + 2, end - encoding - 2),
                       end + 2 - at};
  }

 private:
  /// The next "?=" at or after `at`, which never goes back. Remembered, so that many openings cost one search.
  std::size_t close_after(std::size_t at) {
    if (!searched_ || close_ < at) {
      close_ = text_.find("?=", at);
      searched_ = true;
    }
    return close_;
  }

  std::string_view text_;
  std::size_t close_ = 0;
  bool searched_ = false;
};

/// Joins words of one charset before their octets are decoded.
class WordJoiner {
 public:
  explicit WordJoiner(std::string& out) : out_(out) {}

  void add(const EncodedWord& word) {
    std::string octets;
    if (word.encoding == 'B') {
      append_base64(octets, word.text);
    } else {
      append_q(octets, word.text);
    }
    // A word that begins with an escape sequence (ISO-2022) was ended properly before: it stands alone.
    if (!equals_ignore_case(charset_, word.charset) || octets.starts_with('\x1b')) {
      flush();
      charset_ = word.charset;
    }
    octets_ += octets;
  }
  void flush() {
    if (!octets_.empty()) out_ += to_utf8(octets_, charset_);
    octets_.clear();
    charset_ = {};
  }

 private:
  std::string& out_;
  std::string octets_;
  std::string_view charset_;
};

/// Appends text outside of words: folds undone, as UTF-8.
void append_plain(std::string& out, std::string_view text) { out += repair_utf8(unfold(text)); }

std::string decode(std::string_view text) {
  // Most texts are plain.
  if (text.find("=?") == kNone && text.find('\n') == kNone && all_ascii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  WordScanner scanner(text);
  WordJoiner joiner(out);
  std::size_t plain = 0;  // where text that is not yet written begins
  bool after_word = false;
  for (std::size_t at = text.find("=?"); at != kNone; at = text.find("=?", at)) {
    const auto word = scanner.at(at);
    if (!word || !known_charset(word->charset)) {
      at += word ? word->size : 1;
      continue;
    }
    const std::string_view between = text.substr(plain, at - plain);
    // RFC 2047 §6.2: blanks between two encoded words are not shown.
    if (!after_word || fold_end(between, 0) != between.size()) {
      joiner.flush();
      append_plain(out, between);
    }
    joiner.add(*word);
    at += word->size;
    plain = at;
    after_word = true;
  }
  joiner.flush();
  append_plain(out, text.substr(plain));
  return out;
}

constexpr std::string_view kPrefixQ = "=?utf-8?Q?";
constexpr std::string_view kPrefixB = "=?utf-8?B?";
constexpr std::size_t kFrame = kPrefixQ.size() + 2;

/// Octets that Q may leave as they are in every place an encoded word may stand (RFC 2047 §5 (3)).
bool plain_in_q(char c) { return is_alnum(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/'; }

std::size_t q_size(std::string_view text) {
  std::size_t size = 0;
  for (char c : text) size += plain_in_q(c) || c == ' ' ? 1 : 3;
  return size;
}

std::size_t b_size(std::size_t octets) { return (octets + 2) / 3 * 4; }

void append_q_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == ' ') {
      out += '_';
    } else if (plain_in_q(c)) {
      out += c;
    } else {
      out.append({'=', kHex[octet >> 4], kHex[octet & 15]});
    }
  }
}

/// Octets of the UTF-8 character at the start; the text is well-formed.
std::size_t character_size(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return size;
}

/// Appends well-formed text as encoded words with a blank between each two. The first fits what its line has left.
void append_encoded(std::string& out, std::string_view text, std::size_t column) {
  // Q can be read without decoding, so base64 must be much shorter to be taken.
  const bool q = q_size(text) * 2 <= b_size(text.size()) * 3;
  // RFC 2047 §2: a line with an encoded word is at most 76 long. A word that gets no room begins its own line.
  constexpr std::size_t kLineWithWord = 76;
  constexpr std::size_t kSmallest = kFrame + 12;  // one character of four octets, in Q
  std::size_t room = column + kSmallest <= kLineWithWord ? kLineWithWord - column : kEncodedWordMax;
  while (!text.empty()) {
    if (room > kEncodedWordMax) room = kEncodedWordMax;
    std::size_t taken = 0;
    std::size_t size = 0;
    while (taken < text.size()) {
      const std::size_t next = character_size(text.substr(taken));
      const std::size_t with = q ? size + q_size(text.substr(taken, next)) : b_size(taken + next);
      if (taken > 0 && with + kFrame > room) break;
      size = with;
      taken += next;
    }
    out += q ? kPrefixQ : kPrefixB;
    if (q) {
      append_q_encoded(out, text.substr(0, taken));
    } else {
      out += to_base64(text.substr(0, taken));
    }
    out += "?=";
    text.remove_prefix(taken);
    if (!text.empty()) out += ' ';
    room = kEncodedWordMax;
  }
}

/// A word longer than this could make a line pass its hard limit.
constexpr std::size_t kPlainWordMax = kLineMax - kLineGood;

bool plain_word(std::string_view word) {
  if (word.size() > kPlainWordMax || word.find("=?") != kNone) return false;
  for (char c : word) {
    if (c <= ' ' || c == 127) return false;  // a char above 127 is negative
  }
  return true;
}

bool all_atoms(std::string_view text) {
  bool blank = true;
  for (char c : text) {
    if (c == ' ' ? blank : !is_of(c, kAtext)) return false;
    blank = c == ' ';
  }
  return !blank;
}

/// Well-formed, and without what could end a line.
std::string safe_text(std::string_view utf8) {
  std::string text = repair_utf8(utf8);
  std::ranges::replace_if(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return text;
}

}  // namespace

std::string decode_text(std::string_view value) {
  std::string text = decode(value);
  // A line end that is left belongs to no fold: the field's own.
  text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

std::string decode_words(std::string_view text) { return decode(text); }

bool has_encoded_word(std::string_view text) {
  WordScanner scanner(text);
  for (std::size_t at = text.find("=?"); at != kNone; at = text.find("=?", at + 1)) {
    const auto word = scanner.at(at);
    if (word && known_charset(word->charset)) return true;
  }
  return false;
}

bool plain_text(std::string_view utf8) {
  while (!utf8.empty()) {
    const std::size_t blank = std::min(utf8.find_first_of(" \t"), utf8.size());
    if (!plain_word(utf8.substr(0, blank))) return false;
    utf8.remove_prefix(std::min(blank + 1, utf8.size()));
  }
  return true;
}

std::string encode_text(std::string_view utf8, std::size_t column) {
  if (plain_text(utf8)) return std::string(utf8);
  const std::string text = safe_text(utf8);
  // The run from the first to the last word that needs it; blanks inside are encoded, those at its ends stay outside.
  std::size_t first = kNone;
  std::size_t last = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    if (end > at && !plain_word(std::string_view(text).substr(at, end - at))) {
      if (first == kNone) first = at;
      last = end;
    }
    at = end + 1;
  }
  if (first == kNone) return text;
  std::string out = text.substr(0, first);
  // Encoded words need a blank before them; what stands before in the same line is known only when it is short.
  append_encoded(out, std::string_view(text).substr(first, last - first), column + first);
  return out += text.substr(last);
}

std::string encode_phrase(std::string_view utf8, std::size_t column) {
  const bool plain = plain_text(utf8);
  if (plain && all_atoms(utf8) && all_ascii(utf8)) return std::string(utf8);
  if (!plain) {
    std::string out;
    append_encoded(out, safe_text(utf8), column);
    return out;
  }
  std::string out = "\"";
  for (char c : utf8) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

}  // namespace angarium::message
