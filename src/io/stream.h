// A byte stream in both directions: what every protocol is spoken over.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "io/address.h"
#include "io/error.h"
#include "io/event.h"
#include "io/loop.h"

namespace angarium::io {

class Stream;

/// Why a wait ended. Both may be true; neither is a spurious wake-up, which is allowed.
struct Ready {
  bool input = false;  ///< for writable(): output
  bool event = false;  ///< the event that was waited for as well; it is taken
};

enum class Direction { input, output };

/// The awaitable of readable() and writable(): no frame, no allocation.
class [[nodiscard]] StreamWait : EventWaiter, Resumption {
 public:
  StreamWait(Stream& stream, Direction direction, Event* also) : stream_(stream), direction_(direction), also_(also) {}
  ~StreamWait() override;

  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiting);
  /// kTimedOut after the stream's deadline, kCancelled after close(). The end of the stream is readiness: try_read says
  /// it.
  Result<Ready> await_resume();

  // For the bodies of streams.
  [[nodiscard]] Direction direction() const { return direction_; }
  /// Ends the wait: with readiness, or with an error when `kind` is given. The coroutine goes on in a later turn.
  void finish(const ErrorKind* kind = nullptr);
  /// The stream that must be told when the wait ends otherwise; set by start_wait of the innermost body.
  void set_keeper(Stream* keeper) { keeper_ = keeper; }

 private:
  void event_set() override;
  void leave_stream();

  Stream& stream_;
  Stream* keeper_ = nullptr;
  Direction direction_;
  Event* also_;
  const ErrorKind* failure_ = nullptr;
  bool input_ = false;
  bool event_ = false;
};

/// Belongs to one loop from its first wait or deadline on; until then it may be moved to another. One coroutine may
/// wait for input while another waits for output. Bodies: sockets, memory pairs, faulty streams, TLS, connections.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  /// Nobody waits any more. Sockets are closed.
  virtual ~Stream() = default;

  /// Octets that are there now; 0 when none are. kEndOfStream after the peer's last octet, kReset on a broken
  /// connection.
  virtual Result<std::size_t> try_read(std::span<char> room) = 0;
  /// Writes as much as is taken now of the pieces in order (the first kMaxPieces at most); 0 when nothing is.
  virtual Result<std::size_t> try_write(std::span<const std::string_view> pieces) = 0;
  Result<std::size_t> try_write(std::string_view piece) { return try_write(std::span(&piece, 1)); }
  static constexpr std::size_t kMaxPieces = 64;

  /// co_await: until try_read has something to say, or `also` is set.
  StreamWait readable(Event* also = nullptr) { return {*this, Direction::input, also}; }
  /// co_await: until try_write takes something.
  StreamWait writable(Event* also = nullptr) { return {*this, Direction::output, also}; }

  /// From then on every wait ends with kTimedOut, until a later deadline is set. Moment::never() by default. Cheap to
  /// move later, as after each command.
  virtual void set_deadline(Moment deadline) = 0;

  /// No more output: the peer sees the end of the stream after what was written. TLS says close_notify first.
  virtual Result<void> shutdown_write() = 0;
  /// Both directions, at once; every wait ends with kCancelled, every later call fails. Never blocks.
  virtual void close() = 0;

  /// The other end and this one; a socket without a name has an empty UNIX path.
  [[nodiscard]] virtual const Endpoint& peer() const = 0;
  [[nodiscard]] virtual const Endpoint& local() const = 0;

  /// The user id of the process at the other end of a UNIX socket (SO_PEERCRED, unix(7)); none otherwise.
  [[nodiscard]] virtual std::optional<unsigned> peer_uid() const { return std::nullopt; }

  // For StreamWait and for streams that stand on others.
  /// Keeps the wait until it can be finished and returns true, or finishes it now and returns false.
  virtual bool start_wait(StreamWait& wait) = 0;
  virtual void stop_wait(StreamWait& wait) noexcept = 0;
};

/// Writes all, waiting as needed; `octets` must live so long.
ValueOrTask<Result<void>> write_all(Stream& stream, std::string_view octets);
/// Fills `room`; kEndOfStream when the stream ends before.
Task<Result<void>> read_exactly(Stream& stream, std::span<char> room);

}  // namespace angarium::io
