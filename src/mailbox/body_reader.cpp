#include "mailbox/body_reader.h"

#include <algorithm>

#include "mailbox/types.h"

namespace angarium::mailbox {

Error as_ours(Error error) {
  return error.is(store::kWouldBlock) ? Error(kWouldBlock, error.text()) : std::move(error);
}

Result<> read_stored(store::Tablet& tablet, const store::BodyRef& ref, std::uint64_t offset, std::size_t length,
                     store::Tier tier, std::string& out) {
  if (offset >= ref.length) return {};
  length = static_cast<std::size_t>(std::min<std::uint64_t>(length, ref.length - offset));
  const std::size_t before = out.size();
  out.resize(before + length);
  auto done = tablet.read_body(ref, offset, std::span(out).subspan(before), tier);
  if (done) return {};
  out.resize(before);
  return std::unexpected(as_ours(std::move(done).error()));
}

Result<> read_shown(store::Tablet& tablet, const store::BodyRef& ref, const Presentation& presentation,
                    std::uint64_t offset, std::size_t length, store::Tier tier, std::string& out) {
  if (presentation.identity()) return read_stored(tablet, ref, offset, length, tier, out);
  const std::uint64_t size = presentation.size();
  if (offset >= size) return {};
  std::uint64_t left = std::min<std::uint64_t>(length, size - offset);
  const auto mark = presentation.mark_before(offset);
  std::uint64_t skip = offset - mark.shown;
  const std::size_t before = out.size();
  Presenter presenter;
  std::string stored;
  std::string scratch;
  auto take = [&](std::string_view shown) {
    const auto passed = static_cast<std::size_t>(std::min<std::uint64_t>(skip, shown.size()));
    skip -= passed;
    shown = shown.substr(passed, static_cast<std::size_t>(std::min<std::uint64_t>(left, shown.size())));
    left -= shown.size();
    out += shown;
  };
  for (std::uint64_t at = mark.stored; left > 0 && at < ref.length; at += stored.size()) {
    stored.clear();
    if (auto done = read_stored(tablet, ref, at, Presentation::kMarkDistance, tier, stored); !done) {
      out.resize(before);
      return done;
    }
    take(presenter.feed(stored, scratch));
  }
  take(presenter.finish(scratch));
  return {};
}

}  // namespace angarium::mailbox
