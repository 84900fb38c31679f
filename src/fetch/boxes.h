// The boxes of all accounts, and how far each was fetched.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fetch/seal.h"
#include "fetch/types.h"
#include "store/tablet.h"

namespace angarium::fetch {

/// A box as it is now; another object after each change.
using BoxPtr = std::shared_ptr<const Box>;

struct Known {
  BoxPtr box;
  Progress progress;
};

/// One for each tablet, used from any thread. All boxes are held in memory: looking at them never waits. What changes
/// them waits for the commit: never from an event loop. A change is visible everywhere when the call that made it
/// returns.
class Boxes {
 public:
  /// Without a key no password is taken, and sealed ones do not open.
  Boxes(store::Tablet& tablet, Result<Seal> seal, const Clock& clock = system_clock())
      : tablet_(tablet), seal_(std::move(seal)), clock_(clock) {}
  Boxes(const Boxes&) = delete;
  Boxes& operator=(const Boxes&) = delete;

  /// Reads what is stored, the first time it is called; before anything else. Waits.
  Result<> load();

  /// kInvalid, kExists, kNoKey. Gives it its id.
  Result<Known> add(Box box);
  /// kUnknown. What is kept of its messages goes with it.
  Result<Known> remove(std::uint64_t account, std::string_view name);
  /// kUnknown. It is due now when it is not paused any more.
  Result<Known> pause(std::uint64_t account, std::string_view name, Pause pause);
  /// kUnknown, kInvalid, kNoKey. One that was refused goes on.
  Result<Known> set_password(std::uint64_t account, std::string_view name, std::string password);
  /// kUnknown; kInvalid while it is paused. It is due now.
  Result<Known> hurry(std::uint64_t account, std::string_view name);
  /// To be committed together with the removal of an account; forget() when that is done.
  void remove_all(std::uint64_t account, store::Batch& batch);
  void forget(std::uint64_t account);

  /// Of one account, or of all; by account and name.
  [[nodiscard]] std::vector<Known> list(std::optional<std::uint64_t> account = {}) const;
  Result<Known> get(std::uint64_t account, std::string_view name) const;
  /// Null when it is gone. The same object as long as nothing was changed.
  [[nodiscard]] BoxPtr current(BoxId id) const;
  /// Those that are due and not paused.
  [[nodiscard]] std::vector<BoxPtr> due(WallTime now) const;

  /// How a run went; nothing when the box was changed meanwhile.
  Result<> report(const BoxPtr& box, const Progress& progress, Pause pause);

  // What is kept of messages. Reading waits.
  Result<std::map<std::string, Mark, std::less<>>> marks(BoxId id) const;
  /// Of what the server does not have any more.
  Result<> forget_marks(BoxId id, const std::vector<std::string>& unique_ids);
  /// Of a folder that was never fetched: nothing of it.
  Result<FolderState> folder(BoxId id, std::string_view folder) const;
  /// For what is passed over. What comes with a message is put into its own batch, by the keys of record.h.
  Result<> put_mark(BoxId id, std::string_view unique_id, const Mark& mark);
  Result<> put_folder(BoxId id, std::string_view folder, const FolderState& state);
  /// The keys of a server whose certificate is not looked at.
  Result<Pin> pin(BoxId id) const;
  Result<> put_pin(BoxId id, const Pin& pin);

 private:
  using Map = std::map<BoxId, Known>;
  Map::iterator find(std::uint64_t account, std::string_view name);
  Result<> commit(store::Batch batch) const;
  Result<> check(const Box& box) const;
  Result<Known> change(std::uint64_t account, std::string_view name, const std::function<void(Known&)>& change);
  static void erase(BoxId id, store::Batch& batch);

  [[nodiscard]] const Seal* seal() const { return seal_ ? &*seal_ : nullptr; }

  store::Tablet& tablet_;
  const Result<Seal> seal_;
  const Clock& clock_;
  std::mutex changing_;       ///< one change at a time, also over the commit
  mutable std::mutex mutex_;  ///< guards what follows, never held over I/O
  Map boxes_;
  bool loaded_ = false;
};

}  // namespace angarium::fetch
