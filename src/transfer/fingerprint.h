// What names a message of a source, so that it comes in once.
#pragma once

#include <array>
#include <memory>
#include <string_view>

namespace angarium::transfer {

/// The first half of a SHA-256.
using Fingerprint = std::array<char, 16>;

inline std::string_view octets(const Fingerprint& fingerprint) { return {fingerprint.data(), fingerprint.size()}; }

/// Makes one of octets in pieces; may be used again after finish(). One thread at a time.
class Fingerprinter {
 public:
  Fingerprinter();
  ~Fingerprinter();
  Fingerprinter(const Fingerprinter&) = delete;
  Fingerprinter& operator=(const Fingerprinter&) = delete;

  void add(std::string_view octets);
  /// The same with the length in front, so that no two lists of texts are one.
  void add_text(std::string_view text);
  Fingerprint finish();

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace angarium::transfer
