#include "message/trace_fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "message/domain.h"
#include "message/header.h"
#include "message/lexical.h"

namespace angarium::message {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

/// Reads "keyword value (comment)" clauses.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Received run() {
    while (skip(), at_ < text_.size()) {
      const std::string_view word = take_word();
      if (word.starts_with(';')) {
        date_from(text_.substr(at_));
        continue;
      }
      std::string* const clause = clause_of(word);
      if (clause == nullptr) continue;
      comment_ = clause == &result_.from ? &result_.from_comment
                 : clause == &result_.by ? &result_.by_comment
                                         : nullptr;
      skip();
      if (at_ >= text_.size() || text_[at_] == ';') continue;
      const std::size_t begin = at_;
      const std::string_view value = take_word();
      // "from by host": the clause has no value.
      if (clause_of(value) != nullptr && clause != &result_.id) {
        at_ = begin;
        continue;
      }
      if (clause->empty()) *clause = bare(value);
    }
    return std::move(result_);
  }

 private:
  static std::string bare(std::string_view value) {
    if (value.ends_with(',')) value.remove_suffix(1);  // between clauses, as some write it
    if (value.size() >= 2 && value.front() == '<' && value.back() == '>') value = value.substr(1, value.size() - 2);
    return std::string(value);
  }

  std::string* clause_of(std::string_view word) {
    if (equals_ignore_case(word, "from")) return &result_.from;
    if (equals_ignore_case(word, "by")) return &result_.by;
    if (equals_ignore_case(word, "via")) return &result_.via;
    if (equals_ignore_case(word, "with")) return &result_.with;
    if (equals_ignore_case(word, "id")) return &result_.id;
    if (equals_ignore_case(word, "for")) return &result_.for_path;
    return nullptr;
  }

  /// Blanks and comments; the first comment after from and by is kept.
  void skip() {
    while (at_ < text_.size()) {
      if (is_space(text_[at_])) {
        ++at_;
        continue;
      }
      if (text_[at_] != '(') return;
      const std::size_t end = std::min(comment_end(text_, at_), text_.size());
      if (comment_ != nullptr && comment_->empty()) {
        std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
        if (inside.ends_with(')')) inside.remove_suffix(1);
        std::string scratch;
        *comment_ = std::string(unfolded(inside, scratch));
      }
      at_ = end;
    }
  }

  /// A semicolon, or everything up to a blank, comment or semicolon; brackets and quotes hold together.
  std::string_view take_word() {
    const std::size_t begin = at_;
    if (text_[at_] == ';') return text_.substr(at_++, 1);
    const char open = text_[at_];
    // dtext may hold parentheses and semicolons (RFC 5322 §3.4.1).
    const char close = open == '<' ? '>' : open == '"' ? '"' : open == '[' ? ']' : '\0';
    if (close != '\0') {
      // As long as a path may be; a bracket that does not close is a word like another.
      const std::size_t size = text_.substr(at_ + 1, 1024).find(close);
      if (size != kNone) at_ += size + 2;
    }
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '(' && text_[at_] != ';') ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void date_from(std::string_view rest) {
    // A semicolon may stand elsewhere too: the last that begins a date is the one.
    if (auto date = parse_date(rest)) result_.date = date;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Received result_;
  std::string* comment_ = nullptr;
};

/// Text inside a comment: parentheses and backslashes quoted, controls and octets above 127 escaped.
std::string comment_text(std::string_view text) {
  std::string result;
  for (char c : escape_controls(text, 255)) {
    if (c == '(' || c == ')' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

/// A client that calls itself "by" or "id" would make its clause read as another.
bool fit_for_domain(std::string_view text) {
  for (std::string_view clause : {"from", "by", "via", "with", "id", "for"}) {
    if (equals_ignore_case(text, clause)) return false;
  }
  if (valid_domain(text, Utf8::accept)) return true;
  // A literal with a tag of its own may hold what other readers take for a comment or for the end of the clauses.
  return parse_address_literal(text).has_value() && text.find_first_of("();,\"<>") == std::string_view::npos;
}

std::string field(std::string_view name, std::string_view value) {
  std::string out;
  // The names are our own and valid.
  if (!append_field(out, name, value)) out.clear();
  return out;
}

}  // namespace

Received parse_received(std::string_view value) { return Reader(value).run(); }

std::string WithProtocol::name() const {
  if (base == Base::smtp && !utf8) return "SMTP";
  // RFC 6531 §4.3: UTF8SMTP takes the place of ESMTP.
  std::string result = utf8 ? (base == Base::lmtp ? "UTF8LMTP" : "UTF8SMTP") : (base == Base::lmtp ? "LMTP" : "ESMTP");
  if (tls) result += 'S';
  if (authenticated) result += 'A';
  return result;
}

std::string compose_received(const ReceivedFacts& facts) {
  // RFC 5321 §4.4: Extended-Domain is the name the client gave and, in a comment, what we know ourselves.
  std::string value;
  if (!facts.helo.empty() || !facts.peer_literal.empty()) {
    const bool good = fit_for_domain(facts.helo);
    value = fmt::format("from {}", good                          ? facts.helo
                                   : !facts.peer_literal.empty() ? facts.peer_literal
                                                                 : std::string_view("unknown"));
    if (!good && !facts.helo.empty()) value += fmt::format(" (HELO {})", comment_text(facts.helo));
    if (!facts.peer_literal.empty()) {
      value += fmt::format(" ({}{}{})", comment_text(facts.peer_name), facts.peer_name.empty() ? "" : " ",
                           facts.peer_literal);
    }
    value += ' ';
  }
  value += facts.by_comment.empty() ? fmt::format("by {} with {}", facts.by, facts.with.name())
                                    : fmt::format("by {} ({})", facts.by, comment_text(facts.by_comment));
  if (!facts.tls.empty()) value += fmt::format(" ({})", comment_text(facts.tls));
  if (!facts.id.empty()) value += fmt::format(" id {}", facts.id);
  if (!facts.for_path.empty()) value += fmt::format(" for {}", facts.for_path);
  value += "; " + format_date(facts.date);
  return field("Received", value);
}

std::string compose_return_path(std::string_view reverse_path) { return field("Return-Path", reverse_path); }

std::string compose_delivered_to(std::string_view address) { return field("Delivered-To", address); }

std::string make_message_id(WallTime now, Random& random, std::string_view host) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string result = "<";
  for (auto time = static_cast<std::uint64_t>(now.microseconds); time != 0; time >>= 5) result += kAlphabet[time & 31];
  result += '.';
  for (char c : random.octets(16)) result += kAlphabet[static_cast<unsigned char>(c) & 31];
  return result.append("@").append(host).append(">");
}

}  // namespace angarium::message
