#include "wire/framing/input.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wire/framing/spare.h"

namespace angarium::wire {

static_assert(Input::kCapacity == Spare::kBlock);

Input::Input(Input&& other) noexcept
    : octets_(std::exchange(other.octets_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      scanned_(std::exchange(other.scanned_, 0)),
      skipping_(std::exchange(other.skipping_, false)) {}

Input::~Input() { release(); }

void Input::release() noexcept {
  std::unique_ptr<char[]> block(std::exchange(octets_, nullptr));
  if (capacity_ == kCapacity) Spare::of_this_thread().give_block(std::move(block));
  capacity_ = begin_ = end_ = 0;
}

void Input::consume(std::size_t count) {
  auto taken = static_cast<std::uint32_t>(std::min(count, size()));
  begin_ += taken;
  scanned_ -= std::min(scanned_, taken);
}

Result<std::optional<Line>> Input::take_line(std::size_t limit) {
  while (true) {
    auto unread = view();
    auto feed = unread.find('\n', scanned_);
    if (feed == unread.npos) {
      // The CR of a CRLF may be the last octet; it is no part of the text.
      bool too_long = unread.size() > limit + (unread.ends_with('\r') ? 1 : 0);
      if (skipping_ || too_long) consume(unread.size());
      scanned_ = static_cast<std::uint32_t>(size());
      if (too_long && !std::exchange(skipping_, true)) return fail(kLineTooLong, "line too long");
      return std::nullopt;
    }
    consume(feed + 1);
    scanned_ = 0;
    if (std::exchange(skipping_, false)) continue;
    Line line{unread.substr(0, feed), LineEnd::lf, false};
    if (line.text.ends_with('\r')) {
      line.text.remove_suffix(1);
      line.end = LineEnd::crlf;
    }
    if (line.text.size() > limit) return fail(kLineTooLong, "line too long");
    line.bare_cr = line.text.find('\r') != line.text.npos;
    return line;
  }
}

/// A whole block, with what is unread at its front.
void Input::make_room() {
  if (capacity_ == kCapacity) {
    if (begin_ > 0) std::memmove(octets_, octets_ + begin_, size());
  } else {
    auto block = Spare::of_this_thread().take_block();
    if (size() > 0) std::memcpy(block.get(), octets_ + begin_, size());
    delete[] std::exchange(octets_, block.release());
    capacity_ = kCapacity;
  }
  end_ -= std::exchange(begin_, 0);
}

/// Little or nothing unread does not keep a block.
void Input::shrink() {
  if (capacity_ != kCapacity || size() > kSmall) return;
  auto kept = static_cast<std::uint32_t>(size());
  auto small = kept > 0 ? std::make_unique_for_overwrite<char[]>(kept) : nullptr;
  if (kept > 0) std::memcpy(small.get(), octets_ + begin_, kept);
  release();
  octets_ = small.release();
  capacity_ = end_ = kept;
}

Result<std::size_t> Input::fill(io::Stream& stream) {
  if (size() == kCapacity) return fail(kInputFull, "input is full");
  make_room();
  auto count = stream.try_read({octets_ + end_, kCapacity - end_});
  if (count) end_ += static_cast<std::uint32_t>(*count);
  return count;
}

std::size_t Input::clear() {
  auto dropped = size();
  release();
  scanned_ = 0;
  skipping_ = false;
  return dropped;
}

void Input::append(std::string_view octets) {
  make_room();
  auto count = static_cast<std::uint32_t>(std::min<std::size_t>(octets.size(), kCapacity - end_));
  std::memcpy(octets_ + end_, octets.data(), count);
  end_ += count;
}

bool Input::More::await_ready() {
  constexpr unsigned char kStreak = 32;  // reads in a row, at most 2 MiB, before the loop serves others
  filled_ = input_.fill(stream_);
  input_.shrink();
  if (*filled_ && **filled_ == 0) {
    input_.streak_ = 0;
    filled_.reset();
    return wait_.await_ready();
  }
  return ++input_.streak_ % kStreak != 0;
}

void Input::More::await_suspend(std::coroutine_handle<> waiting) {
  if (!filled_) return wait_.await_suspend(waiting);
  turn_.handle = waiting;
  io::Loop::current().schedule(turn_);
}

Result<io::Ready> Input::More::await_resume() {
  io::Ready ready;
  if (!filled_) {
    ready = TRY(wait_.await_resume());
    if (!ready.input) return ready;
    filled_ = input_.fill(stream_);
    input_.shrink();
  } else if (also_ && also_->take()) {
    ready.event = true;
  }
  if (!*filled_) return std::unexpected(std::move(*filled_).error());
  ready.input = **filled_ > 0;
  return ready;
}

}  // namespace angarium::wire
