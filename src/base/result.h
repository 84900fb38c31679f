// Errors are values that know whose fault it is and whether trying again may help.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace angarium {

/// Who has to act for the same request to succeed.
enum class Fault {
  syntax,      ///< the other side broke the protocol's or the format's grammar
  user,        ///< a well-formed request that this user, or this address, may not make or that makes no sense now
  dependency,  ///< something we rely on failed: DNS, disk, a filter, a remote host
  ours,        ///< a broken invariant of this program
};

/// Whether the very same request may succeed later.
enum class Lasting { temporary, permanent };

/// What went wrong, as a named constant. A room declares its kinds once, in one header, as `inline constexpr`
/// objects; two errors are of one kind when they point to the same object.
struct ErrorKind {
  std::string_view name;  ///< "room.word-word", stable: it appears in logs and metrics
  Fault fault;
  Lasting lasting;
};

/// An error value. Cheap to move; `text` says in words what happened and, where a person can act, what to do.
/// It never holds a secret and may hold octets from the wire only after escape_controls().
class [[nodiscard]] Error {
 public:
  Error(const ErrorKind& kind, std::string text) : kind_(&kind), text_(std::move(text)) {}

  [[nodiscard]] const ErrorKind& kind() const { return *kind_; }
  [[nodiscard]] bool is(const ErrorKind& kind) const { return kind_ == &kind; }
  [[nodiscard]] Fault fault() const { return kind_->fault; }
  [[nodiscard]] bool temporary() const { return kind_->lasting == Lasting::temporary; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  const ErrorKind* kind_;
  std::string text_;
};

/// A value or the error that stood in its way.
template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(kKind, "text");` in any function that returns a Result.
[[nodiscard]] inline std::unexpected<Error> fail(const ErrorKind& kind, std::string text) {
  return std::unexpected<Error>(Error(kind, std::move(text)));
}

/// Kinds that every room may need.
inline constexpr ErrorKind kOutOfMemory{"base.out-of-memory", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kCancelled{"base.cancelled", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kTimedOut{"base.timed-out", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kBroken{"base.broken-invariant", Fault::ours, Lasting::permanent};

}  // namespace angarium

// TRY(expression) is the value of a Result, or returns its error from this function. CO_TRY is the same in a
// coroutine; the expression may hold a co_await. Both are statement expressions (clang) and are not nested.
#define TRY(...)                                                              \
  ({                                                                          \
    auto&& try_result_ = (__VA_ARGS__);                                       \
    if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
    *std::move(try_result_);                                                  \
  })
#define CO_TRY(...)                                                              \
  ({                                                                             \
    auto&& try_result_ = (__VA_ARGS__);                                          \
    if (!try_result_) co_return std::unexpected(std::move(try_result_).error()); \
    *std::move(try_result_);                                                     \
  })
