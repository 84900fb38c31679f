// Bodies of entries, as they came: those that lie sealed are opened on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/pool.h"
#include "io/task.h"
#include "keyring/keys.h"
#include "queue/types.h"
#include "store/tablet.h"

namespace angarium::queue {

/// Writes over `to` the octets [offset, offset + size) of an entry's body, fewer at its end. Tier::memory: all, or
/// kWouldBlock of the store. `keys` null: sealed ones are keyring::kNoServerKey. Errors of the store and of keyring.
Result<> read_body(store::Tablet& tablet, keyring::Keys* keys, const Entry& entry, std::uint64_t offset,
                   std::size_t size, store::Tier tier, std::string& to);

/// The key of a body, by what was made of it (BodyKeys::seal).
Result<keyring::Key> open_body_key(keyring::Keys* keys, std::string_view sealed_key, store::Tier tier);

/// Records of another room whose bodies are sealed by the queue's keys, too.
struct SealedElsewhere {
  std::string from;  ///< where they lie in the store,
  std::string to;    ///< up to there
  /// What BodyKeys::seal() gave, of a value of theirs; empty: it is not sealed; nothing: nobody can tell.
  std::function<std::optional<std::string_view>(std::string_view value)> sealed_key;
};

/// What became of the queue's keys but the newest.
struct OldKeys {
  std::uint64_t erased = 0;
  std::uint64_t kept = 0;     ///< mail that waits needs them, or mail on its way to the store
  std::uint64_t damaged = 0;  ///< records that do not say what they need: all keys are kept
};

/// Seals the keys of bodies by the queue's own. Any loop's thread.
class BodyKeys {
 public:
  /// All outlive it.
  BodyKeys(store::Tablet& tablet, io::Pool& pool, keyring::Keys* keys, std::vector<SealedElsewhere> elsewhere = {})
      : tablet_(tablet), pool_(pool), keys_(keys), elsewhere_(std::move(elsewhere)) {}
  /// What an entry with a body that is sealed by this key has to say of it (Entry::sealed_key). The queue's first key
  /// is made where it has none. keyring::kNoServerKey.
  io::Task<Result<SealedKey>> seal(keyring::Key body_key);

  // --- rotation (key_rotation.cpp)
  /// A new key, by which all is sealed from now on; then forget_old(). Nothing: the queue has no key. Cut short at any
  /// step it is done again. keyring::kNoServerKey; errors of the store.
  io::Task<Result<std::optional<OldKeys>>> rotate(Duration patience = keyring::kRotationPatience);
  /// Erases the keys of before that nothing needs: no entry, no record elsewhere, and nothing that is on its way to the
  /// store. What is on its way is waited for, and keeps its key if that takes longer. Cheap where there is one key.
  io::Task<Result<OldKeys>> forget_old(Duration patience = keyring::kRotationPatience);

 private:
  /// Uses for which a record is written ahead: at a thousand messages a second one batch a minute. A key lasts for
  /// 65,000 processes.
  static constexpr std::uint64_t kStride = 1u << 16;
  /// A key that is in use, and what is sealed by it and not in the store yet.
  struct InUse {
    keyring::NamedKey key;
    keyring::KeyUses uses;
    std::shared_ptr<const void> on_its_way;
  };
  struct Needed;
  io::Task<Result<InUse>> newest();
  io::Task<Result<InUse>> make(keyring::KeyId before);
  /// The newest that is known, which may be another.
  InUse use(keyring::NamedKey key, keyring::KeyUses uses);
  /// For one sealing more, which is counted; a new one is made in time (keyring::kUsesRenewed).
  io::Task<Result<InUse>> take();
  std::optional<InUse> take_counted();
  io::Task<Result<>> reserve(InUse newest);
  std::optional<InUse> in_use();
  /// Keys by which something on its way is sealed, but for the newest.
  std::set<keyring::KeyId> on_their_way();
  static Result<Needed> needed(store::Tablet& tablet, const std::vector<SealedElsewhere>& elsewhere);

  store::Tablet& tablet_;
  io::Pool& pool_;
  keyring::Keys* const keys_;
  const std::vector<SealedElsewhere> elsewhere_;
  std::mutex mutex_;  // guards what follows
  std::optional<InUse> newest_;
  std::vector<std::pair<keyring::KeyId, std::weak_ptr<const void>>>
      earlier_;  // as far as they are not known to be over
};

}  // namespace angarium::queue
