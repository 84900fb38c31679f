// How stored octets are shown to readers who may not get them as they are: one form for ever, its size known at
// acceptance.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace angarium::mailbox {

/// NUL is shown as octet 0x80 (RFC 9051 §4.3.1 forbids it in a literal; 0x80 is what other servers show), a bare LF as
/// CRLF, a bare CR as a blank (it must not end a line, RFC 5322 §2.3, nor make an empty one out of CR CR LF). Whatever
/// has none of them, nearly all mail, is shown as it is stored.
///
/// For the others the map from shown to stored offsets has a mark every kMarkDistance shown octets.
class Presentation {
 public:
  static constexpr std::uint64_t kMarkDistance = 64 * 1024;
  struct Mark {
    std::uint64_t shown = 0;
    std::uint64_t stored = 0;  ///< begins neither inside CRLF nor behind a CR
  };

  /// Identity over that many octets.
  explicit Presentation(std::uint64_t size = 0) : stored_size_(size), shown_size_(size) {}

  [[nodiscard]] bool identity() const { return identity_; }
  [[nodiscard]] std::uint64_t size() const { return shown_size_; }
  [[nodiscard]] std::uint64_t stored_size() const { return stored_size_; }
  /// The last mark at or before a shown offset.
  [[nodiscard]] Mark mark_before(std::uint64_t shown) const;

  [[nodiscard]] std::string encode() const;
  static Result<Presentation> decode(std::string_view octets);

 private:
  friend class Presenter;
  bool identity_ = true;
  std::uint64_t stored_size_ = 0;
  std::uint64_t shown_size_ = 0;
  std::vector<Mark> marks_;
};

/// Shows octets fed in chunks of any size; the cuts make no difference.
class Presenter {
 public:
  /// What these octets are shown as: the octets themselves where nothing has to change, else a view of `scratch`. A CR
  /// at the end waits for its next octet.
  std::string_view feed(std::string_view octets, std::string& scratch);
  /// What was still waiting.
  std::string_view finish(std::string& scratch);
  /// After finish().
  [[nodiscard]] const Presentation& presentation() const { return presentation_; }

 private:
  void mark(std::uint64_t stored);
  Presentation presentation_;
  bool carriage_return_ = false;  // the last octet was a CR whose next octet has not come
};

}  // namespace angarium::mailbox
