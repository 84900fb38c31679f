// What a mechanism that negotiated protection does with the octets after the exchange (RFC 4422 §3.7).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sasl/types.h"

namespace angarium::sasl {

/// The longest buffer of protected data that we let the other side send: what RFC 2831 §2.1.1 takes as the default,
/// so every peer can fill it, and small enough to be held whole for each connection that has a layer.
inline constexpr std::size_t kLayerBufferMax = 65'536;
/// The longest that any layer may agree on: three octets of length, as RFC 4752 §3.1 has it.
inline constexpr std::size_t kLayerBufferCeiling = 0xFF'FFFF;

/// One connection's layer, both directions. Buffers are without the four octets of length that stand before each on
/// the wire. Owned by the connection, one thread at a time: each buffer depends on those before it. After an error of
/// either function the connection is to be closed.
class SecurityLayer {
 public:
  virtual ~SecurityLayer() = default;
  SecurityLayer(const SecurityLayer&) = delete;
  SecurityLayer& operator=(const SecurityLayer&) = delete;

  /// What one call of wrap() takes at most, so that the other side accepts the buffer. At least 1.
  [[nodiscard]] virtual std::size_t clear_max() const = 0;
  /// A longer buffer is not to be read: the connection is to be closed.
  [[nodiscard]] virtual std::size_t receive_max() const = 0;

  virtual Result<std::string> wrap(std::string_view clear) = 0;
  /// kLayer for a buffer that this side's peer did not make, or not now.
  virtual Result<std::string> unwrap(std::string_view buffer) = 0;

 protected:
  SecurityLayer() = default;
};

}  // namespace angarium::sasl
