// A secret that leaves no copy behind.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace angarium::sasl {

/// Owns a password or key; its octets are overwritten when it ends, is moved from or assigned to. Move-only, so that
/// every copy is a visible one. One thread at a time.
class Secret {
 public:
  Secret() = default;
  /// Takes the octets; the caller's string is wiped.
  explicit Secret(std::string&& octets) : octets_(octets.data(), octets.size()) { wipe(octets); }
  /// Copies the octets; the original stays the caller's matter.
  static Secret copy(std::string_view octets) { return Secret(std::string(octets)); }
  // A moved-from short string would keep its octets in place: hence copy, then wipe.
  Secret(Secret&& other) noexcept : octets_(std::move(other.octets_)) { other.wipe_all(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe_all();
      octets_ = std::move(other.octets_);
      other.wipe_all();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe_all(); }

  /// Valid until the secret is moved or ends.
  [[nodiscard]] std::string_view view() const { return octets_; }
  [[nodiscard]] bool empty() const { return octets_.empty(); }

 private:
  /// Also what lies past the length: the buffer a short string was moved from.
  void wipe_all() {
    octets_.resize(octets_.capacity());
    wipe(octets_);
  }
  std::string octets_;
};

}  // namespace angarium::sasl
