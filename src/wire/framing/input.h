// What arrived on a stream and was not yet understood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "io/stream.h"
#include "wire/framing/error.h"

namespace angarium::wire {

enum class LineEnd : unsigned char {
  crlf,
  lf,  ///< a bare LF: protocols that are strict refuse the line
};

/// A line without its end.
struct Line {
  std::string_view text;
  LineEnd end = LineEnd::crlf;
  bool bare_cr = false;  ///< `text` holds a CR
  [[nodiscard]] bool strict() const { return end == LineEnd::crlf && !bare_cr; }
};

/// Unread octets of one connection. While it is empty and waits for more it holds no memory: reading goes through
/// blocks of the thread. Views given out stay valid until the next fill(), more(), append() or clear(). Stays on the
/// thread that reads into it.
class Input {
 public:
  /// The most it holds.
  static constexpr std::size_t kCapacity = 64 * 1024;
  /// Unread octets up to this many are kept in a block of their own size while waiting.
  static constexpr std::size_t kSmall = 4096;

  Input() = default;
  Input(Input&& other) noexcept;
  Input& operator=(Input&&) = delete;
  ~Input();

  [[nodiscard]] std::string_view view() const { return {octets_ + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  /// Takes the first `count` octets, at most size().
  void consume(std::size_t count);

  /// The next line when its LF is there, nothing otherwise. `limit` counts the octets before CRLF (or LF). kLineTooLong
  /// as soon as it is certain, once a line. limit < kCapacity - 2. Linear however the octets arrive.
  Result<std::optional<Line>> take_line(std::size_t limit);

  /// Reads what is there now and appends it: how many octets, 0 for nothing now. Errors of the stream; kInputFull.
  Result<std::size_t> fill(io::Stream& stream);
  /// Drops everything unread, also a line that is being skipped, and says how many octets that was.
  std::size_t clear();
  /// For what comes from elsewhere than a stream; at most kCapacity in all.
  void append(std::string_view octets);

  /// Octets of memory it holds now.
  [[nodiscard]] std::size_t memory() const { return capacity_; }

  /// co_await input.more(stream, event): waits until octets were appended or the event was set, which it takes. May
  /// return with neither. Errors of fill() and of readable(). A peer that sends without end lets others go first.
  class [[nodiscard]] More {
   public:
    More(Input& input, io::Stream& stream, io::Event* also)
        : input_(input), stream_(stream), also_(also), wait_(stream.readable(also)) {}
    bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting);
    Result<io::Ready> await_resume();

   private:
    Input& input_;
    io::Stream& stream_;
    io::Event* also_;
    io::StreamWait wait_;
    io::Resumption turn_;
    std::optional<Result<std::size_t>> filled_;
  };
  More more(io::Stream& stream, io::Event* also = nullptr) { return {*this, stream, also}; }

 private:
  void shrink();
  void make_room();
  void release() noexcept;

  char* octets_ = nullptr;
  std::uint32_t capacity_ = 0;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t scanned_ = 0;  ///< octets of view() known to hold no LF
  bool skipping_ = false;      ///< inside a line that was too long
  unsigned char streak_ = 0;   ///< reads in a row that did not wait
};

}  // namespace angarium::wire
