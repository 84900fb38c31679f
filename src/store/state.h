// The ordered state behind a tablet: a port with two bodies. It is a function of the log and may be thrown away and
// made again; it has no log of its own. It knows how far of the tablet's log it has applied.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/format.h"
#include "store/tablet.h"

namespace angarium::store {

/// What keeps a version readable; each body of the port derives its own.
class ReadView::Body {
 public:
  virtual ~Body() = default;
};

/// apply() is called by one thread at a time; flush() by one other; everything else by any.
class State {
 public:
  virtual ~State() = default;

  /// The position that was applied last. After opening: what a flush has made durable.
  [[nodiscard]] virtual LogPosition applied() const = 0;
  /// Applies the operations (in a batch's encoding, each batch's octets one span) and the position in one step: readers
  /// see all or nothing. kDamaged if the operations are malformed.
  virtual Result<> apply(std::span<const std::string_view> batches, const LogPosition& position) = 0;
  /// Whether apply() would wait now, for work on files that does not keep up with what is applied.
  [[nodiscard]] virtual bool delays() const = 0;

  virtual Result<std::optional<std::string>> get(std::string_view key, const Reading& reading) = 0;
  virtual Result<std::vector<std::optional<std::string>>> multi_get(std::span<const std::string_view> keys,
                                                                    const Reading& reading) = 0;
  virtual Result<> scan(std::string_view from, std::string_view to, const ScanOptions& options, const Visitor& visitor,
                        const Reading& reading) = 0;
  virtual ReadView view() = 0;

  /// Makes durable all that was applied before the call. Waits.
  virtual Result<> flush() = 0;
  /// Puts a copy of what is durable beside the target's segments, if that is cheap; a store without one is replayed.
  virtual Result<> copy_to(Volume& target) = 0;
};

using Mergers = std::array<const Merger*, 256>;

struct StateOptions {
  Mergers mergers{};
  std::uint64_t cache_size = 64u << 20;
  Threads threads = Threads::own;
  std::string_view folder = kStateFolder;
};

/// Opens the state in the volume's folder or makes an empty one. The volume outlives it.
Result<std::unique_ptr<State>> open_rocksdb_state(Volume& volume, const StateOptions& options);
Result<std::unique_ptr<State>> open_sorted_state(Volume& volume, const StateOptions& options);
/// Removes whatever state of either kind there is.
Result<> remove_state(Volume& volume, std::string_view folder = kStateFolder);
/// Puts what stands in kNewStateFolder, closed and flushed, where the state was. Broken off, it leaves a state that is
/// made anew from the log, so the log must have proved readable.
Result<> put_state_in_place(Volume& volume);

/// `merge` by the merger of the key's first octet; without one the newest operand is the value.
std::string merged(const Mergers& mergers, std::string_view key, std::optional<std::string_view> before,
                   std::span<const std::string_view> operands);

}  // namespace angarium::store
