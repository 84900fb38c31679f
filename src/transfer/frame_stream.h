// Frames on a stream of a loop.
#pragma once

#include <string>
#include <string_view>

#include "io/stream.h"
#include "io/task.h"
#include "transfer/frames.h"
#include "wire/framing/input.h"

namespace angarium::transfer {

/// Reads frames; one coroutine.
class FrameStream {
 public:
  explicit FrameStream(io::Stream& stream) : stream_(stream) {}

  /// Whether the next frame is here whole.
  [[nodiscard]] Result<bool> ready() const {
    if (input_.size() < kFrameHead) return false;
    const FrameHead head = TRY(read_head(input_.view()));
    return input_.size() >= kFrameHead + head.size;
  }
  /// Waits for more octets, or the event.
  wire::Input::More more(io::Event* also = nullptr) { return input_.more(stream_, also); }
  /// Only when ready(); views last until drop().
  [[nodiscard]] Kind kind() const { return static_cast<Kind>(input_.view()[0]); }
  [[nodiscard]] std::string_view payload() const {
    const std::size_t size = read_head(input_.view()).value_or(FrameHead{}).size;
    return input_.view().substr(kFrameHead, size);
  }
  void drop() { input_.consume(kFrameHead + payload().size()); }

 private:
  io::Stream& stream_;
  wire::Input input_;
};

}  // namespace angarium::transfer
