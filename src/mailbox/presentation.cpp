#include "mailbox/presentation.h"

#include <algorithm>

#include "mailbox/codec.h"
#include "mailbox/types.h"

namespace angarium::mailbox {

Presentation::Mark Presentation::mark_before(std::uint64_t shown) const {
  if (identity_) return {shown, shown};
  auto after = std::upper_bound(marks_.begin(), marks_.end(), shown,
                                [](std::uint64_t at, const Mark& mark) { return at < mark.shown; });
  return after == marks_.begin() ? Mark{} : *(after - 1);
}

std::string Presentation::encode() const {
  std::string out;
  if (identity_) return out;
  put_number(out, stored_size_);
  put_number(out, shown_size_);
  Mark before;
  for (const Mark& mark : marks_) {
    put_number(out, mark.shown - before.shown);
    put_number(out, mark.stored - before.stored);
    before = mark;
  }
  return out;
}

Result<Presentation> Presentation::decode(std::string_view octets) {
  RecordReader reader(octets);
  Presentation result;
  result.identity_ = false;
  result.stored_size_ = reader.number();
  result.shown_size_ = reader.number();
  Mark at;
  while (!reader.at_end()) {
    const std::uint64_t shown = reader.number_up_to(result.shown_size_ - at.shown);
    const std::uint64_t stored = reader.number_up_to(result.stored_size_ - at.stored);
    if (!reader.ok() || shown == 0) return fail(kDamaged, "a presentation is damaged");
    at = {at.shown + shown, at.stored + stored};
    result.marks_.push_back(at);
  }
  if (!reader.ok()) return fail(kDamaged, "a presentation is damaged");
  return result;
}

namespace {

/// The first octet that is not shown as it is, where a CR may stand in front of `octets`; size() if there is none. A CR
/// at the very end counts as one.
std::size_t first_changed(std::string_view octets) {
  if (octets.find('\0') == std::string_view::npos) {
    // The usual case: every LF behind a CR, every CR before an LF.
    std::size_t at = 0;
    while (true) {
      const std::size_t line_feed = octets.find('\n', at);
      const std::size_t carriage_return = octets.substr(0, line_feed).find('\r', at);
      if (line_feed == std::string_view::npos)
        return carriage_return == std::string_view::npos ? octets.size() : carriage_return;
      if (carriage_return == std::string_view::npos) return line_feed;
      if (carriage_return + 1 != line_feed) return carriage_return;
      at = line_feed + 1;
    }
  }
  for (std::size_t i = 0; i < octets.size(); ++i) {
    if (octets[i] == '\0' || octets[i] == '\n') return i;
    if (octets[i] == '\r') {
      if (i + 1 == octets.size() || octets[i + 1] != '\n') return i;
      ++i;
    }
  }
  return octets.size();
}

}  // namespace

void Presenter::mark(std::uint64_t stored) {
  const auto& marks = presentation_.marks_;
  const std::uint64_t last = marks.empty() ? 0 : marks.back().shown;
  if (presentation_.shown_size_ >= last + Presentation::kMarkDistance)
    presentation_.marks_.push_back({presentation_.shown_size_, stored});
}

std::string_view Presenter::feed(std::string_view octets, std::string& scratch) {
  if (octets.empty()) return {};
  scratch.clear();
  if (!carriage_return_ && first_changed(octets) == octets.size()) {
    // Marks are needed only once something before was changed.
    if (!presentation_.identity_) mark(presentation_.stored_size_);
    presentation_.stored_size_ += octets.size();
    presentation_.shown_size_ += octets.size();
    return octets;
  }
  auto show = [&](std::string_view shown) {
    scratch += shown;
    presentation_.shown_size_ += shown.size();
  };
  auto changed = [&] { presentation_.identity_ = false; };
  for (const char c : octets) {
    const std::uint64_t here = presentation_.stored_size_;
    if (carriage_return_) {
      carriage_return_ = false;
      if (c == '\n') {
        show("\r\n");
        ++presentation_.stored_size_;
        continue;
      }
      show(" ");
      changed();
    }
    if (!presentation_.identity_) mark(here);
    ++presentation_.stored_size_;
    if (c == '\r') {
      carriage_return_ = true;
    } else if (c == '\n') {
      show("\r\n");
      changed();
    } else if (c == '\0') {
      show("\x80");
      changed();
    } else {
      show(std::string_view(&c, 1));
    }
  }
  return scratch;
}

std::string_view Presenter::finish(std::string& scratch) {
  scratch.clear();
  if (carriage_return_) {
    carriage_return_ = false;
    presentation_.identity_ = false;
    ++presentation_.shown_size_;
    scratch = " ";
  }
  return scratch;
}

}  // namespace angarium::mailbox
