// The command's end of a talk: frames on a connection that blocks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transfer/frames.h"

namespace angarium::transfer {

/// Octets that are gathered before they are sent.
inline constexpr std::size_t kSendOctets = 256u << 10;

/// One thread. The descriptor is the caller's.
class Link {
 public:
  explicit Link(int descriptor) : descriptor_(descriptor) {}

  struct Frame {
    Kind kind = Kind::over;
    std::string payload;
  };

  Result<> send(std::string_view frame);
  /// Octets of a message as frames of a kind.
  Result<> send_octets(Kind kind, std::string_view octets);
  Result<> flush();
  /// Waits for the next frame. An Error of the other end (Kind::failed) is given as kRefused or kRefusedNow;
  /// kTalkEnded.
  Result<Frame> receive();
  /// What is there now, without waiting.
  Result<std::optional<Frame>> poll();

 private:
  enum class Wait : std::uint8_t { no, yes };
  Result<bool> fill(Wait wait);
  Result<std::optional<Frame>> take();
  [[nodiscard]] Error ended() const;

  int descriptor_;
  std::string out_;
  std::string in_;
  std::vector<char> block_ = std::vector<char>(kPayloadMax);
  std::size_t taken_ = 0;
  std::optional<Error> last_failure_;
};

}  // namespace angarium::transfer
