#include "io/stream.h"

namespace angarium::io {

StreamWait::~StreamWait() { leave_stream(); }

bool StreamWait::await_ready() {
  if (also_ && also_->take()) {
    event_ = true;
    return true;
  }
  return !stream_.start_wait(*this);
}

void StreamWait::await_suspend(std::coroutine_handle<> waiting) {
  handle = waiting;
  if (also_) also_->set_waiter(*this);
}

Result<Ready> StreamWait::await_resume() {
  if (!failure_) return Ready{input_, event_};
  return fail(*failure_, failure_ == &kTimedOut ? "deadline" : "closed");
}

void StreamWait::finish(const ErrorKind* kind) {
  keeper_ = nullptr;
  failure_ = kind;
  input_ = !kind;
  if (!handle) return;  // still in await_ready
  leave_event();
  Loop::current().schedule(*this);
}

void StreamWait::event_set() {
  event_ = true;
  leave_stream();
  Loop::current().schedule(*this);
}

void StreamWait::leave_stream() {
  if (keeper_) std::exchange(keeper_, nullptr)->stop_wait(*this);
}

namespace {

Task<Result<void>> write_rest(Stream& stream, std::string_view octets) {
  while (!octets.empty()) {
    CO_TRY(co_await stream.writable());
    octets.remove_prefix(CO_TRY(stream.try_write(octets)));
  }
  co_return Result<void>();
}

}  // namespace

ValueOrTask<Result<void>> write_all(Stream& stream, std::string_view octets) {
  auto written = stream.try_write(octets);
  if (!written) return Result<void>(std::unexpected(std::move(written).error()));
  if (*written == octets.size()) return Result<void>();
  return write_rest(stream, octets.substr(*written));
}

Task<Result<void>> read_exactly(Stream& stream, std::span<char> room) {
  while (!room.empty()) {
    auto count = CO_TRY(stream.try_read(room));
    room = room.subspan(count);
    if (count == 0) CO_TRY(co_await stream.readable());
  }
  co_return Result<void>();
}

}  // namespace angarium::io
