// A body sealed in chunks: one that is read in part is opened in part.
//
// Each chunk of 64 KiB is followed by its tag, and an empty body is one empty chunk. The nonce is the chunk's number
// and whether it is the last, so that a chunk that stands elsewhere, or at an end that was none, does not open. The key
// is used for one body alone, which makes every nonce new.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "keyring/cipher.h"

namespace angarium::keyring {

inline constexpr std::size_t kChunk = 64 * 1024;

/// Octets of a body of that length when it is sealed.
constexpr std::uint64_t sealed_size(std::uint64_t plain) {
  return plain + kTagOctets * (plain == 0 ? 1 : (plain + kChunk - 1) / kChunk);
}
/// And back; nothing: no sealed body has that length.
std::optional<std::uint64_t> plain_size(std::uint64_t sealed);

/// Seals one body as it comes, in pieces of any size; holds a chunk at most.
class BodySealer {
 public:
  explicit BodySealer(const Key& key) : cipher_(key, Cipher::Direction::seal) {}
  BodySealer(const BodySealer&) = delete;
  BodySealer& operator=(const BodySealer&) = delete;
  ~BodySealer();
  /// Appends to `to` what is ready.
  Result<> feed(std::string_view plain, std::string& to);
  /// The rest.
  Result<> finish(std::string& to);

 private:
  Cipher cipher_;
  std::string waiting_;  // what may be the last chunk
  std::uint64_t chunk_ = 0;
};

/// All of a body that is in memory.
Result<std::string> seal_body(const Key& key, std::string_view plain);

/// Gives the octets [offset, offset + into.size()) of what is stored.
using ReadSealed = std::function<Result<>(std::uint64_t offset, std::span<char> into)>;
/// Appends the plain octets [offset, offset + length) of a body of `sealed` octets, fewer at its end, and reads the
/// chunks they are in. Where that fails `to` stays as it was. kNotOpened; errors of `read`.
Result<> open_body(const Key& key, std::uint64_t sealed, std::uint64_t offset, std::size_t length,
                   const ReadSealed& read, std::string& to);

}  // namespace angarium::keyring
