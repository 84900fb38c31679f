// The strict grammar of addresses. Each function bears the name of its production in RFC 5322 §3.2-3.4 and §4.4, takes
// what it matches and says whether it did. Nothing recurses: comments are counted, groups do not nest.
#include <fmt/format.h>

#include "base/text.h"
#include "message/address.h"

namespace angarium::message {
namespace {

class Grammar {
 public:
  Grammar(std::string_view text, Utf8 utf8) : text_(text), utf8_(utf8) {}

  Result<Conformance> run(AddressSyntax syntax) {
    const bool matched = syntax == AddressSyntax::addr_spec ? addr_spec()
                         : syntax == AddressSyntax::mailbox ? mailbox_or_group(Groups::refuse)
                                                            : list(syntax == AddressSyntax::address_list);
    if (!matched || at_ != text_.size()) {
      return fail(kBadAddress, fmt::format("at octet {}: {}", at_, matched ? "nothing may follow here" : expected_));
    }
    return grade_;
  }

 private:
  enum class Groups { refuse, accept };

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  void obsolete() { grade_ = Conformance::obsolete; }
  bool no(std::string_view expected) {
    expected_ = expected;
    return false;
  }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool is(unsigned classes) const {
    return !at_end() && is_of(text_[at_], classes) && (utf8_ == Utf8::accept || is_ascii(text_[at_]));
  }

  /// FWS and obs-FWS. Gives whether there was any.
  bool fws() {
    const std::size_t begin = at_;
    int folds = 0;
    while (!at_end()) {
      if (is_wsp(peek())) {
        ++at_;
      } else if (text_.substr(at_).starts_with("\r\n") && at_ + 2 < text_.size() && is_wsp(text_[at_ + 2])) {
        at_ += 3;
        if (++folds > 1) obsolete();  // RFC 5322 §4.2
      } else {
        break;
      }
    }
    return at_ != begin;
  }

  bool quoted_pair() {
    ++at_;
    if (at_end()) return no("a character after the backslash");
    const char c = peek();
    if (c == '\0' || c == '\r' || c == '\n' || is_of(c, kObsNoWsCtl)) {
      obsolete();  // obs-qp
    } else if (!is(kVchar) && !is_wsp(c)) {
      return no("a printable character after the backslash");
    }
    ++at_;
    return true;
  }

  bool comment() {
    std::size_t depth = 0;
    do {
      fws();
      if (at_end()) return no("the end of the comment");
      if (take('(')) {
        if (++depth > kCommentDepthMax) return no("comments nested less deeply");
      } else if (take(')')) {
        --depth;
      } else if (peek() == '\\') {
        if (!quoted_pair()) return false;
      } else if (!text_octet(kCtext)) {
        return no("text of the comment");
      }
    } while (depth > 0);
    return true;
  }

  /// One octet of the class or an obsolete control.
  bool text_octet(unsigned classes) {
    if (!is(classes)) {
      if (at_end() || !is_of(peek(), kObsNoWsCtl)) return false;
      obsolete();
    }
    ++at_;
    return true;
  }

  /// [CFWS]; `any` tells whether there was something. False on a broken comment.
  bool cfws(bool& any) {
    while (true) {
      if (fws()) any = true;
      if (peek() != '(' || at_end()) return true;
      any = true;
      if (!comment()) return false;
    }
  }
  bool cfws() {
    bool any = false;
    return cfws(any);
  }

  bool atom_text() {
    const std::size_t begin = at_;
    while (is(kAtext)) ++at_;
    return at_ != begin || no("a word");
  }

  bool quoted_string() {
    ++at_;
    while (true) {
      fws();
      if (at_end()) return no("the end of the quoted string");
      if (take('"')) return true;
      if (peek() == '\\') {
        if (!quoted_pair()) return false;
      } else if (!text_octet(kQtext)) {
        return no("text of the quoted string");
      }
    }
  }

  bool word(bool& quoted) {
    quoted = peek() == '"' && !at_end();
    return quoted ? quoted_string() : atom_text();
  }

  /// What stands before '@', '<' or ':': words and dots, read once as local-part and as phrase.
  struct Words {
    bool any = false;
    bool local_part = true;       ///< word *("." word)
    bool local_obsolete = false;  ///< needs obs-local-part
    bool dots = false;            ///< as a phrase it needs obs-phrase
  };
  bool words(Words& out) {
    bool after_dot = true;
    bool first_quoted = false;
    while (true) {
      bool blank = false;
      if (!cfws(blank)) return false;
      if (take('.')) {
        if (after_dot) out.local_part = false;
        if (!out.any) return no("a word");
        out.dots = after_dot = true;
        if (blank || first_quoted) out.local_obsolete = true;
        continue;
      }
      if (!is(kAtext) && (at_end() || peek() != '"')) {
        if (after_dot) out.local_part = false;
        return true;
      }
      if (out.any && !after_dot) out.local_part = false;
      bool quoted = false;
      if (!word(quoted)) return false;
      if (out.any && (blank || quoted)) out.local_obsolete = true;
      first_quoted = first_quoted || quoted;
      out.any = true;
      after_dot = false;
    }
  }

  bool addr_spec() {
    Words before;
    if (!words(before)) return false;
    return addr_spec_after(before);
  }
  bool addr_spec_after(const Words& before) {
    if (!before.any || !before.local_part) return no("a local part");
    if (before.local_obsolete) obsolete();
    if (!take('@')) return no("@");
    return domain();
  }

  bool domain() {
    if (!cfws()) return false;
    if (peek() == '[' && !at_end()) return domain_literal();
    while (true) {
      if (!atom_text()) return no("a domain");
      bool blank = false;
      if (!cfws(blank)) return false;
      if (!take('.')) return true;
      if (!cfws(blank)) return false;
      if (blank) obsolete();  // obs-domain
    }
  }

  bool domain_literal() {
    ++at_;
    while (true) {
      fws();
      if (at_end()) return no("the end of the domain literal");
      if (take(']')) return cfws();
      if (peek() == '\\') {
        obsolete();  // obs-dtext
        if (!quoted_pair()) return false;
      } else if (!text_octet(kDtext)) {
        return no("text of the domain literal");
      }
    }
  }

  bool angle_addr() {
    ++at_;
    if (!cfws()) return false;
    if (peek() == '@' || peek() == ',') {
      if (!obs_route()) return false;
    }
    if (!addr_spec()) return false;
    if (!take('>')) return no(">");
    return cfws();
  }

  bool obs_route() {
    obsolete();
    bool any = false;
    while (true) {
      if (!cfws()) return false;
      if (take(',')) continue;
      if (!take('@')) break;
      any = true;
      if (!domain()) return false;
      if (peek() != ',') break;
    }
    if (!any || !take(':')) return no(":");
    return true;
  }

  bool mailbox_or_group(Groups groups) {
    Words before;
    if (!words(before)) return false;
    if (peek() == '@') return addr_spec_after(before);
    if (before.dots) obsolete();  // obs-phrase
    if (peek() == '<') return angle_addr();
    if (peek() == ':' && before.any && groups == Groups::accept) return group();
    return no("@ or <");
  }

  bool group() {
    ++at_;
    if (!elements(Groups::refuse, ';', false)) return false;
    if (!take(';')) return no(";");
    return cfws();
  }

  bool list(bool with_groups) { return elements(with_groups ? Groups::accept : Groups::refuse, '\0', true); }

  /// mailbox-list, address-list and group-list: elements with commas, empty ones being obsolete.
  bool elements(Groups groups, char end, bool needed) {
    bool any = false;
    bool comma = false;
    while (true) {
      const std::size_t begin = at_;
      if (!cfws()) return false;
      const bool over = at_end() || peek() == end;
      if (over || peek() == ',') {
        if (over && !any && !comma) return !needed || no("an address");
        obsolete();
      } else {
        at_ = begin;
        if (!mailbox_or_group(groups)) return false;
        any = true;
      }
      comma = take(',');
      if (!comma) return any || !needed || no("an address");
    }
  }

  std::string_view text_;
  Utf8 utf8_;
  std::size_t at_ = 0;
  Conformance grade_ = Conformance::standard;
  std::string_view expected_;
};

}  // namespace

Result<Conformance> check_addresses(std::string_view text, AddressSyntax syntax, Utf8 utf8) {
  if (utf8 == Utf8::accept && !valid_utf8(text)) return fail(kBadAddress, "not UTF-8");
  return Grammar(text, utf8).run(syntax);
}

}  // namespace angarium::message
