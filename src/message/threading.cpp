#include "message/threading.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "message/header.h"

namespace angarium::message {
namespace {

/// Step 1: tabs and line ends are blanks, several blanks are one.
std::string with_single_blanks(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const char shown = c == '\t' || c == '\r' || c == '\n' ? ' ' : c;
    if (shown != ' ' || (!result.empty() && result.back() != ' ')) result.push_back(shown);
  }
  if (result.ends_with(' ')) result.pop_back();
  return result;
}

/// subj-blob = "[" *BLOBCHAR "]" *WSP; the octets it takes, 0 if there is none.
std::size_t blob(std::string_view text) {
  if (!text.starts_with('[')) return 0;
  const auto end = text.find_first_of("[]", 1);
  if (end == std::string_view::npos || text[end] != ']') return 0;
  const auto next = text.find_first_not_of(' ', end + 1);
  return next == std::string_view::npos ? text.size() : next;
}

/// subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"; the octets it takes.
std::size_t reply_mark(std::string_view text) {
  std::size_t at = 0;
  if (starts_with_ignore_case(text, "fwd")) {
    at = 3;
  } else if (starts_with_ignore_case(text, "re") || starts_with_ignore_case(text, "fw")) {
    at = 2;
  } else {
    return 0;
  }
  while (at < text.size() && text[at] == ' ') ++at;
  at += blob(text.substr(at));
  return at < text.size() && text[at] == ':' ? at + 1 : 0;
}

/// Step 2: subj-trailer = "(fwd)" / WSP.
bool drop_trailers(std::string_view& text) {
  constexpr std::string_view kForwarded = "(fwd)";
  for (bool dropped = false;; dropped = true) {
    text = trim(text);
    if (text.size() < kForwarded.size() ||
        !equals_ignore_case(text.substr(text.size() - kForwarded.size()), kForwarded))
      return dropped;
    text.remove_suffix(kForwarded.size());
  }
}

/// Steps 3 to 5: subj-leader = (*subj-blob subj-refwd) / WSP, and blobs as long as something is left behind them.
bool drop_leaders(std::string_view& text) {
  for (bool dropped = false;; dropped = true) {
    text = trim(text);
    auto rest = text;
    auto last = text;  // from the last blob on
    while (const auto size = blob(rest)) {
      last = rest;
      rest.remove_prefix(size);
    }
    if (const auto mark = reply_mark(rest)) {
      text = rest.substr(mark);
      continue;
    }
    // Without a mark behind them the blobs go one by one, the last only when a text follows.
    text = rest.empty() ? last : rest;
    return dropped;
  }
}

bool is_blank(char c) { return is_wsp(c) || c == '\r' || c == '\n'; }

/// One id at a time, from what stands behind its "<".
class IdReader {
 public:
  explicit IdReader(std::string_view value) : value_(value) {}

  /// The next valid one.
  std::optional<std::string> next() {
    for (; at_ < value_.size(); ++at_) {
      const char c = value_[at_];
      if (quoted_) {
        in_quotes(c);
      } else if (c == '<') {
        begin();
      } else if (c == '>' && inside_) {
        inside_ = false;
        if (right_ && *right_ > 1 && *right_ < id_.size() && id_.size() <= kThreadIdMax) return std::move(id_);
      } else if (inside_) {
        outside_quotes(c);
      }
    }
    return std::nullopt;
  }

 private:
  void begin() {
    inside_ = true;
    depth_ = 0;
    id_.clear();
    right_.reset();
  }
  void in_quotes(char c) {
    if (c == '"') {
      quoted_ = false;
    } else if (c == '\\' && at_ + 1 < value_.size()) {
      keep(value_[++at_]);
    } else {
      keep(c);
    }
  }
  void outside_quotes(char c) {
    if (c == '(') {
      ++depth_;
    } else if (c == ')' && depth_ > 0) {
      --depth_;
    } else if (depth_ > 0 || is_blank(c)) {
      // of a comment
    } else if (c == '"') {
      quoted_ = true;
    } else {
      keep(c);
      if (c == '@') right_ = id_.size();
    }
  }
  void keep(char c) {
    if (!is_control(c) && id_.size() <= kThreadIdMax) id_ += c;
  }

  std::string_view value_;
  std::size_t at_ = 0;
  std::string id_;
  std::optional<std::size_t> right_;  ///< where what follows "@" begins
  int depth_ = 0;
  bool inside_ = false;
  bool quoted_ = false;
};

}  // namespace

BaseSubject base_subject(std::string_view decoded) {
  const auto owned = with_single_blanks(decoded);
  std::string_view text = owned;
  BaseSubject base;
  for (;;) {
    base.reply |= drop_trailers(text);
    base.reply |= drop_leaders(text);
    // Step 6: subj-fwd-hdr = "[fwd:" … subj-fwd-trl = "]".
    if (!starts_with_ignore_case(text, "[fwd:") || !text.ends_with(']')) break;
    text = text.substr(5, text.size() - 6);
    base.reply = true;
  }
  base.text = text;
  return base;
}

std::vector<std::string> thread_ids(std::string_view value) {
  std::vector<std::string> ids;
  IdReader reader(value);
  while (auto id = reader.next()) ids.push_back(*std::move(id));
  return ids;
}

std::string thread_references(std::string_view header) {
  std::vector<std::string> references;
  std::optional<std::string> replied;
  for (const Field& field : Header(header)) {
    if (references.empty() && field.is("references")) {
      references = thread_ids(field.value);
    } else if (!replied && field.is("in-reply-to")) {
      replied = IdReader(field.value).next();
    }
  }
  if (references.empty() && replied) references.push_back(*std::move(replied));
  if (references.size() > kThreadReferencesMax) {
    const auto excess = static_cast<std::ptrdiff_t>(references.size() - kThreadReferencesMax);
    references.erase(references.begin() + 1, references.begin() + 1 + excess);
  }
  std::string text;
  for (const auto& id : references) (text += id) += '\n';
  return text;
}

}  // namespace angarium::message
