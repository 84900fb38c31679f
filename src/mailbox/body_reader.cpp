#include "mailbox/body_reader.h"

#include <algorithm>

#include "mailbox/types.h"

namespace angarium::mailbox {

Error as_ours(Error error) {
  return error.is(store::kWouldBlock) ? Error(kWouldBlock, error.text()) : std::move(error);
}

namespace {

/// By the chunks in which it was sealed.
Result<> read_sealed(store::Tablet& tablet, const StoredBody& body, std::uint64_t offset, std::size_t length,
                     store::Tier tier, std::string& out) {
  auto done = keyring::open_body(
      keyring::Key(body.key), body.ref.length, offset, length,
      [&](std::uint64_t at, std::span<char> into) { return tablet.read_body(body.ref, at, into, tier); }, out);
  if (!done && done.error().is(keyring::kNotOpened)) return fail(kDamaged, "a sealed body does not open");
  if (!done) return std::unexpected(as_ours(std::move(done).error()));
  return {};
}

}  // namespace

Result<> read_stored(store::Tablet& tablet, const StoredBody& body, std::uint64_t offset, std::size_t length,
                     store::Tier tier, std::string& out) {
  if (!body.key.empty()) return read_sealed(tablet, body, offset, length, tier, out);
  const store::BodyRef& ref = body.ref;
  if (offset >= ref.length) return {};
  length = static_cast<std::size_t>(std::min<std::uint64_t>(length, ref.length - offset));
  const std::size_t before = out.size();
  // Not filled with zeros first: whole mailboxes are read through here.
  // What libstdc++ 12 tells is what it allocated, which may be more than was asked for.
  out.resize_and_overwrite(before + length, [&](char*, std::size_t) { return before + length; });
  auto done = tablet.read_body(ref, offset, std::span(out).subspan(before), tier);
  if (done) return {};
  out.resize(before);
  return std::unexpected(as_ours(std::move(done).error()));
}

Result<> read_shown(store::Tablet& tablet, const StoredBody& body, const Presentation& presentation,
                    std::uint64_t offset, std::size_t length, store::Tier tier, std::string& out) {
  if (presentation.identity()) return read_stored(tablet, body, offset, length, tier, out);
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
  for (std::uint64_t at = mark.stored; left > 0 && at < body.length(); at += stored.size()) {
    stored.clear();
    if (auto done = read_stored(tablet, body, at, Presentation::kMarkDistance, tier, stored); !done) {
      out.resize(before);
      return done;
    }
    take(presenter.feed(stored, scratch));
  }
  take(presenter.finish(scratch));
  return {};
}

}  // namespace angarium::mailbox
