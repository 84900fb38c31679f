// Which messages somebody works for at this moment, in a small file that outlives the process: so a message that
// crashes its worker is known afterwards, and does not do so for ever.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "envelope/delivery_id.h"

namespace angarium::queue {

/// A mapped file of places. A mark is a write to memory, which the kernel keeps when the process dies, but not when the
/// power goes: then nobody is suspected. Only a process that ends by its own fault (crashing()) makes suspects of what
/// it had in hand; one that is killed does not. Every method may be called from any thread.
class InHand {
 public:
  /// So many at one time; what finds no place is not marked.
  static constexpr std::size_t kPlaces = 4095;
  /// A message that was in hand at so many crashes in a row is not to be handled any more.
  static constexpr std::uint32_t kCrashesMax = 2;

  /// Opens or makes the file, and looks how the last process ended. One process at a time: whoever has the store. A
  /// file that is no such one is made anew.
  static Result<std::unique_ptr<InHand>> open(const std::string& path);
  InHand(const InHand&) = delete;
  InHand& operator=(const InHand&) = delete;
  ~InHand();

  /// Was in hand at the last so many crashes.
  struct Suspect {
    envelope::DeliveryId id;
    std::uint32_t crashes = 0;
  };
  /// As open() found them. Each stays one in the file until it was marked and ended well, or is cleared.
  [[nodiscard]] const std::vector<Suspect>& suspects() const { return suspects_; }

  /// The message is in hand while this lives.
  class Mark {
   public:
    Mark() = default;
    Mark(Mark&& other) noexcept : in_(std::exchange(other.in_, nullptr)), place_(std::exchange(other.place_, 0)) {}
    Mark& operator=(Mark&& other) noexcept {
      std::swap(in_, other.in_);
      std::swap(place_, other.place_);
      return *this;
    }
    ~Mark() {
      if (in_ != nullptr) in_->give_back(place_);
    }

   private:
    friend InHand;
    Mark(InHand& in, std::size_t place) : in_(&in), place_(place) {}
    InHand* in_ = nullptr;
    std::size_t place_ = 0;
  };
  [[nodiscard]] Mark mark(envelope::DeliveryId id);
  /// Of a suspect, whose crashes go on being counted.
  [[nodiscard]] Mark mark(const Suspect& suspect);
  /// A suspect is none any more.
  void clear(const Suspect& suspect);

  /// For a handler of signals: this process ends by its own fault. Async-signal-safe.
  void crashing() noexcept;

 private:
  struct Place;
  struct File;
  explicit InHand(File* file) : file_(file) {}
  void find_suspects();
  void give_back(std::size_t place) noexcept;
  [[nodiscard]] std::size_t waiting_place(const Suspect& suspect) const;

  File* file_;  ///< mapped
  std::vector<Suspect> suspects_;
  std::atomic<std::size_t> next_{0};  ///< where a free place is likely
};

}  // namespace angarium::queue
