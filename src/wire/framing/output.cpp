#include "wire/framing/output.h"

#include <algorithm>
#include <array>

#include "wire/framing/spare.h"

namespace angarium::wire {

Output::~Output() { clear(); }

void Output::clear() {
  if (text_.capacity() > 0) Spare::of_this_thread().give_string(std::move(text_));
  text_ = std::string();
  shared_ = {};
  shared_size_ = sent_ = text_sent_ = shared_sent_ = shared_octets_sent_ = 0;
}

std::string& Output::text() {
  if (text_.empty() && text_.capacity() < Spare::kFirstCapacity) text_ = Spare::of_this_thread().take_string();
  return text_;
}

void Output::append(std::shared_ptr<const void> owner, std::string_view octets) {
  if (octets.size() < kWorthSharing) return append(octets);
  shared_.push_back({text_.size(), octets, std::move(owner)});
  shared_size_ += octets.size();
}

std::size_t Output::gather(std::span<std::string_view> pieces) const {
  std::size_t used = 0;
  auto add = [&](std::string_view piece) {
    if (!piece.empty()) pieces[used++] = piece;
  };
  auto text_at = text_sent_;
  auto skip = shared_octets_sent_;
  auto next = shared_sent_;
  for (; next < shared_.size() && used + 2 < pieces.size(); ++next) {
    add(std::string_view(text_).substr(text_at, shared_[next].after - text_at));
    add(shared_[next].octets.substr(skip));
    text_at = shared_[next].after;
    skip = 0;
  }
  if (next == shared_.size()) add(std::string_view(text_).substr(text_at));
  return used;
}

void Output::advance(std::size_t count) {
  sent_ += count;
  while (count > 0) {
    auto text_end = shared_sent_ < shared_.size() ? shared_[shared_sent_].after : text_.size();
    auto of_text = std::min(count, text_end - text_sent_);
    text_sent_ += of_text;
    count -= of_text;
    if (count == 0) break;
    auto& shared = shared_[shared_sent_];
    auto of_shared = std::min(count, shared.octets.size() - shared_octets_sent_);
    shared_octets_sent_ += of_shared;
    count -= of_shared;
    if (shared_octets_sent_ < shared.octets.size()) break;
    shared.owner.reset();
    ++shared_sent_;
    shared_octets_sent_ = 0;
  }
  if (empty()) return clear();
  if (text_sent_ > kHighWater / 2) compact();
}

/// Forgets what was sent: a reply that never quite ends does not grow for ever.
void Output::compact() {
  text_.erase(0, text_sent_);
  for (std::size_t i = 0; i < shared_sent_; ++i) {
    sent_ -= shared_[i].octets.size();
    shared_size_ -= shared_[i].octets.size();
  }
  shared_.erase(shared_.begin(), shared_.begin() + static_cast<std::ptrdiff_t>(shared_sent_));
  for (auto& shared : shared_) shared.after -= text_sent_;
  sent_ -= text_sent_;
  text_sent_ = shared_sent_ = 0;
}

Result<void> Output::flush_some(io::Stream& stream) {
  while (!empty()) {
    std::array<std::string_view, io::Stream::kMaxPieces> pieces;
    auto used = gather(pieces);
    auto written = TRY(stream.try_write(std::span(pieces).first(used)));
    if (written == 0) break;
    advance(written);
  }
  return {};
}

io::Task<Result<void>> Output::flush_to(io::Stream& stream, std::size_t left) {
  while (size() > left) {
    CO_TRY(co_await stream.writable());
    CO_TRY(flush_some(stream));
  }
  co_return Result<void>();
}

io::ValueOrTask<Result<void>> Output::flush(io::Stream& stream) {
  auto flushed = flush_some(stream);
  if (!flushed || empty()) return flushed;
  return flush_to(stream, 0);
}

io::ValueOrTask<Result<void>> Output::room(io::Stream& stream) {
  if (!wants_room()) return Result<void>();
  const bool full = size() > kHighWater;
  auto flushed = flush_some(stream);
  if (!flushed || !full || size() <= kHighWater / 2) return flushed;
  return flush_to(stream, kHighWater / 2);
}

}  // namespace angarium::wire
