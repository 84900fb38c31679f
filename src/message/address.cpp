#include "message/address.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "message/header.h"

namespace angarium::message {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
/// An encoded word may hold commas and brackets by mistake; it is kept together when it is no longer than this.
constexpr std::size_t kSloppyWordMax = 200;

struct Token {
  enum class Kind { word, quoted, literal, dot, at, other } kind;
  std::string_view text;  ///< as written; quoted without its quotes
  bool blank_before;
};

/// The quoted pairs and folds of a quoted string, comment or literal undone.
std::string unquote(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' || text[i] == '\n') continue;
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      if (text[i] == '\r' || text[i] == '\n') continue;
    }
    result += text[i];
  }
  return result;
}

std::string text_of(const Token& token) {
  const bool plain = token.kind != Token::Kind::quoted && token.kind != Token::Kind::literal;
  return plain ? std::string(token.text) : unquote(token.text);
}

bool is_special(char c) { return std::string_view("()<>@,;:.\"[").find(c) != kNone; }

/// What is known of the mailbox that is being read.
struct Element {
  std::vector<Token> name;   ///< before and after the angle brackets, or everything when there are none
  std::vector<Token> angle;  ///< inside the angle brackets
  std::string route;
  std::string comment;
  bool has_angle = false;
  std::size_t name_before_angle = 0;

  void clear() {
    name.clear();
    angle.clear();
    route.clear();
    comment.clear();
    has_angle = false;
    name_before_angle = 0;
  }
  [[nodiscard]] bool empty() const { return name.empty() && !has_angle; }
};

/// Words as they stand, unquoted, with one blank where there was any.
std::string joined(const Token* begin, const Token* end) {
  std::string result;
  for (const Token* token = begin; token != end; ++token) {
    if (token->blank_before && token != begin) result += ' ';
    result += text_of(*token);
  }
  return result;
}
std::string joined(const std::vector<Token>& tokens) { return joined(tokens.data(), tokens.data() + tokens.size()); }

/// Whether what looks like an encoded word is one token, whatever specials it holds against RFC 2047 §5 (3).
enum class EncodedWords { kept_together, as_written };

class Reader {
 public:
  Reader(std::string_view text, EncodedWords words) : text_(text), words_(words) {}

  AddressList run() {
    while (at_ < text_.size() && !full_) step();
    flush();
    if (in_group_) {
      defect(kUnclosedGroup);
      end_group();
    }
    return std::move(list_);
  }

 private:
  void defect(AddressDefect which) { list_.defects = static_cast<std::uint16_t>(list_.defects | which); }

  void step() {
    switch (text_[at_]) {
      case ',':
        ++at_;
        flush();
        last_group_done_ = false;
        return;
      case ';':
        ++at_;
        flush();
        if (in_group_) {
          end_group();
        } else {
          defect(kStraySemicolon);
        }
        return;
      case ':': colon(); return;
      case '<': angle(); return;
      case '>':
        ++at_;
        defect(kMisplaced);
        return;
      default: read_token(element_.name, text_.size());
    }
  }

  /// A display name before it begins a group; anything else before it makes it text.
  void colon() {
    const bool name = !element_.name.empty() && !element_.has_angle && !in_group_ &&
                      std::ranges::none_of(element_.name, [](const Token& t) { return t.kind == Token::Kind::at; });
    if (!name) {
      element_.name.push_back({Token::Kind::other, text_.substr(at_, 1), blank_});
      blank_ = false;
      ++at_;
      return;
    }
    ++at_;
    in_group_ = true;
    group_ = {};
    group_.raw_name = joined(element_.name);
    group_.name = decode_words(group_.raw_name);
    group_.comment = std::move(element_.comment);
    group_.begin = list_.addresses.size();
    element_.clear();
    last_group_done_ = false;
  }

  void end_group() {
    group_.end = list_.addresses.size();
    list_.groups.push_back(std::move(group_));
    in_group_ = false;
    last_group_done_ = true;
  }

  void angle() {
    if (element_.has_angle) split_at_second_angle();
    element_.has_angle = true;
    element_.name_before_angle = element_.name.size();
    ++at_;
    blank_ = false;
    // A bracket that never closes ends with the address: at the next comma or semicolon, or where another opens.
    const std::size_t close = last_close();
    const bool closes = close != kNone && close >= at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '>' || c == '<' || (!closes && (c == ',' || c == ';'))) break;
      read_token(element_.angle, text_.size());
    }
    if (at_ < text_.size() && text_[at_] == '>') {
      ++at_;
    } else {
      defect(kUnclosedAngle);
    }
  }

  std::size_t last_close() {
    if (!searched_close_) last_close_ = text_.rfind('>');
    searched_close_ = true;
    return last_close_;
  }

  /// "Joe <a@b> Jane <c@d>": what stands between is the second's name.
  void split_at_second_angle() {
    defect(kMissingComma);
    const auto middle = element_.name.begin() + static_cast<std::ptrdiff_t>(element_.name_before_angle);
    std::vector<Token> second(middle, element_.name.end());
    element_.name.erase(middle, element_.name.end());
    flush();
    element_.name = std::move(second);
  }

  /// Reads a blank, a comment or one token into `tokens`.
  void read_token(std::vector<Token>& tokens, std::size_t end) {
    const char c = text_[at_];
    if (is_space(c)) {
      blank_ = true;
      ++at_;
    } else if (c == '(') {
      comment();
    } else if (c == '"') {
      const std::string_view inside = quoted();
      add(tokens, Token::Kind::quoted, inside);
    } else if (c == '[') {
      const std::size_t close = text_.substr(at_, kDomainMax + 1).find(']');
      const std::size_t size = close == kNone ? 1 : close + 1;
      add(tokens, close == kNone ? Token::Kind::other : Token::Kind::literal, text_.substr(at_, size));
      at_ += size;
    } else if (is_special(c)) {
      add(tokens, c == '.' ? Token::Kind::dot : c == '@' ? Token::Kind::at : Token::Kind::other, text_.substr(at_, 1));
      ++at_;
    } else {
      const std::size_t begin = at_;
      at_ = word_end(end);
      add(tokens, Token::Kind::word, text_.substr(begin, at_ - begin));
    }
  }

  void add(std::vector<Token>& tokens, Token::Kind kind, std::string_view text) {
    tokens.push_back({kind, text, std::exchange(blank_, false)});
  }

  std::size_t word_end(std::size_t end) {
    std::size_t at = at_;
    if (words_ == EncodedWords::kept_together && text_.substr(at).starts_with("=?")) {
      const std::string_view near = text_.substr(at, kSloppyWordMax);
      const std::string_view run = near.substr(0, near.find_first_of(" \t\r\n"));
      // "=?charset?Q?" and then "?=": less would take the parts of an address that looks a little like it.
      const std::size_t charset = run.find('?', 2);
      const bool word = charset != kNone && charset + 2 < run.size() && all_of(run.substr(2, charset - 2), kToken) &&
                        std::string_view("BbQq").find(run[charset + 1]) != kNone && run[charset + 2] == '?';
      const std::size_t close = word ? run.find("?=", charset + 3) : kNone;
      if (close != kNone) at += close + 2;
    }
    while (at < end && !is_space(text_[at]) && !is_special(text_[at])) ++at;
    return at;
  }

  std::string_view quoted() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    const std::size_t end = std::min(at_, text_.size());
    if (at_ >= text_.size()) defect(kUnclosedQuote);
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(begin, end - begin);
  }

  void comment() {
    std::size_t end = comment_end(text_, at_);
    std::string_view inside;
    if (end == kNone) {
      defect(kUnclosedComment);
      end = text_.size();
      inside = text_.substr(at_ + 1);
    } else {
      inside = text_.substr(at_ + 1, end - at_ - 2);
    }
    at_ = end;
    blank_ = true;
    // After the ';' of a group, before the next comma, a comment is still the group's.
    std::string& comment = last_group_done_ && element_.empty() ? list_.groups.back().comment : element_.comment;
    const std::string words = decode_text(unquote(inside));
    if (!words.empty()) comment.append(comment.empty() ? "" : " ").append(words);
  }

  /// Makes an address of what was read since the last comma.
  void flush() {
    blank_ = false;
    if (element_.empty()) {
      element_.clear();
      return;
    }
    if (list_.addresses.size() == kAddressesMax) {
      defect(kTooManyAddresses);
      full_ = true;
      return;
    }
    Address address;
    if (element_.has_angle) {
      from_angle(address);
    } else {
      from_words(address);
    }
    address.name = decode_words(address.raw_name);
    address.comment = std::move(element_.comment);
    list_.addresses.push_back(std::move(address));
    element_.clear();
  }

  void from_angle(Address& address) {
    address.raw_name = joined(element_.name);
    std::vector<Token>& tokens = element_.angle;
    // obs-route (RFC 5322 §4.4): "@a,@b:" before the address.
    if (!tokens.empty() && tokens.front().kind == Token::Kind::at) {
      const auto colon = std::ranges::find_if(tokens, [](const Token& t) { return t.text == ":"; });
      if (colon != tokens.end()) {
        for (auto token = tokens.begin(); token != colon; ++token) address.route += token->text;
        tokens.erase(tokens.begin(), colon + 1);
      }
    }
    const auto at = last_at(tokens, tokens.size());
    if (at == kNone) {
      address.local_part = joined(tokens);
      defect(address.local_part.empty() ? kNoLocalPart : kNoDomain);
      return;
    }
    set(address, tokens, 0, at, tokens.size());
  }

  static std::size_t last_at(const std::vector<Token>& tokens, std::size_t end) {
    while (end > 0 && tokens[end - 1].kind != Token::Kind::at) --end;
    return end == 0 ? kNone : end - 1;
  }

  /// Words without angle brackets: "a@b", perhaps with words around, or no address at all.
  void from_words(Address& address) {
    const std::vector<Token>& tokens = element_.name;
    const std::size_t at = last_at(tokens, tokens.size());
    if (at == kNone) {
      defect(kNoDomain);
      // One word may be a local user; several are somebody's name.
      const bool one =
          std::ranges::none_of(tokens, [&](const Token& t) { return t.blank_before && &t != tokens.data(); });
      (one ? address.local_part : address.raw_name) = joined(tokens);
      return;
    }
    std::size_t begin = at;
    while (begin > 0 && belongs(tokens[begin - 1], tokens[begin])) --begin;
    std::size_t end = at + 1;
    while (end < tokens.size() && tokens[end].kind != Token::Kind::quoted &&
           (end == at + 1 || belongs(tokens[end - 1], tokens[end]))) {
      ++end;
    }
    set(address, tokens, begin, at, end);
    std::vector<Token> rest(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(begin));
    rest.insert(rest.end(), tokens.begin() + static_cast<std::ptrdiff_t>(end), tokens.end());
    if (rest.empty()) return;
    defect(kMisplaced);
    address.raw_name = joined(rest);
  }

  /// Whether two neighbours are of one address: nothing between them, or a dot or '@' that blanks may surround
  /// (RFC 5322 §4.4).
  static bool belongs(const Token& left, const Token& right) {
    const auto binds = [](const Token& t) { return t.kind == Token::Kind::dot || t.kind == Token::Kind::at; };
    return !right.blank_before || binds(left) || binds(right);
  }

  void set(Address& address, const std::vector<Token>& tokens, std::size_t begin, std::size_t at, std::size_t end) {
    const Token* const first = tokens.data();
    address.local_part = without_outer_blanks(first + begin, first + at);
    address.domain = without_outer_blanks(first + at + 1, first + end);
    if (address.local_part.empty() && begin == at) defect(kNoLocalPart);
    if (address.domain.empty()) defect(kNoDomain);
  }

  /// Joined as joined() does, but without blanks around dots, which obsolete forms allow.
  static std::string without_outer_blanks(const Token* begin, const Token* end) {
    std::string result;
    for (const Token* token = begin; token != end; ++token) {
      const bool dots = token->kind == Token::Kind::dot || (token != begin && (token - 1)->kind == Token::Kind::dot);
      if (token->blank_before && token != begin && !dots) result += ' ';
      result += text_of(*token);
    }
    return result;
  }

  std::string_view text_;
  EncodedWords words_;
  std::size_t at_ = 0;
  AddressList list_;
  Element element_;
  AddressGroup group_;
  bool in_group_ = false;
  bool last_group_done_ = false;
  bool blank_ = false;
  bool full_ = false;
  bool searched_close_ = false;
  std::size_t last_close_ = kNone;
};

std::string local_key(std::string_view local_part, LocalCase local) {
  if (local == LocalCase::exact) return std::string(local_part);
  return all_ascii(local_part) ? to_lower(local_part) : fold_case(local_part);
}

}  // namespace

std::string Address::spec() const {
  std::string result = quote_local_part(local_part);
  return domain.empty() ? result : result + "@" + domain;
}

AddressList parse_addresses(std::string_view value) {
  AddressList list = Reader(value, EncodedWords::kept_together).run();
  // '=' and '?' are atext: "=?a?Q?x@b?=" is an address, too, and where the grammar says so it is read as one.
  const bool address_in_word =
      list.defects != 0 && value.contains("=?") && check_addresses(value, AddressSyntax::address_list);
  return address_in_word ? Reader(value, EncodedWords::as_written).run() : list;
}

bool same_address(const Address& a, const Address& b, LocalCase local) {
  return local_key(a.local_part, local) == local_key(b.local_part, local) && same_domain(a.domain, b.domain);
}

std::string address_key(std::string_view local_part, std::string_view domain, LocalCase local) {
  return local_key(local_part, local) + "@" + domain_key(domain);
}

std::string format_address(std::string_view name, std::string_view local_part, std::string_view domain,
                           std::size_t column) {
  std::string spec = quote_local_part(local_part);
  if (!domain.empty()) spec.append("@").append(domain);
  if (name.empty()) return spec;
  return encode_phrase(name, column) + " <" + spec + ">";
}

}  // namespace angarium::message
