// The keys of owners: accounts, and the queue. Records of the store, each wrapped by the server's key, which is not in
// the store: whoever has the store alone has neither.
#pragma once

#include <cstdint>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "keyring/cipher.h"
#include "keyring/key_uses.h"
#include "keyring/server_keys.h"
#include "store/tablet.h"

namespace angarium::keyring {

/// First octet of the room's keys in the store: 'w' owner8 id8 (version 1, id8 of the server's key, nonce, sealed key).
inline constexpr unsigned char kKeyOctet = 'w';
/// And of how often each was used: 'u' owner8 id8 (KeyUses).
inline constexpr unsigned char kUsesOctet = 'u';

/// Whose key it is: an account's id.
using Owner = std::uint64_t;
/// No account: what the queue holds.
inline constexpr Owner kQueue = 0;
/// How many keys the owner had before it, and 32 random bits: a key that was made anew is never taken for one that is
/// gone, and the highest is the newest.
using KeyId = std::uint64_t;

/// The record of a key is not there or does not open. Temporary: who read the name of a key that a rotation erases at
/// this moment reads the new one when he asks again, and mail is not to be passed over for good.
inline constexpr ErrorKind kNoKey{"keyring.no-key", Fault::ours, Lasting::temporary};
/// Another rotation of the same key is under way, or what one waits for takes too long. Nothing is lost by it: it can
/// be begun again.
inline constexpr ErrorKind kRotationWaits{"keyring.rotation-waits", Fault::ours, Lasting::temporary};

/// How long a rotation waits for records of keys that were made before it began. They are on their way to the disk and
/// to nobody else: longer, and the disk does not answer. Who ends the server waits no longer, either.
inline constexpr Duration kRotationPatience = std::chrono::seconds(10);

/// A key and its name.
struct NamedKey {
  KeyId id = 0;
  Key key;
};

/// A key that is not in the store yet.
struct NewKey {
  NamedKey named;
  std::string at;       ///< in the store
  std::string wrapped;  ///< its value there
  std::string uses_at;  ///< where its uses are counted, from none on
  /// Kept until its batch is answered: a rotation of the server's key waits for it, or would not see the record.
  std::shared_ptr<const void> on_its_way;
  /// Nothing is to be there yet.
  void put(store::Batch& batch) const {
    batch.expect(at, std::nullopt);
    batch.put(at, wrapped);
    batch.put(uses_at, KeyUses::encode(kUsesStride));
  }
};

/// What the keys in the store are wrapped by.
struct Wrappings {
  std::map<std::uint64_t, std::uint64_t> by;  ///< how many, by the id of the server's key
  std::uint64_t damaged = 0;                  ///< whose record does not say it
};

/// What a rotation of the server's key did.
struct Rotated {
  std::uint64_t version = 0;    ///< the id of the new one
  std::uint64_t wrapped = 0;    ///< keys wrapped by it that were wrapped by another
  std::uint64_t forgotten = 0;  ///< versions that are in the file no more
};

/// Any thread. The tablet outlives it.
class Keys {
 public:
  /// Keys kept in memory, opened: those used last.
  static constexpr std::size_t kKept = 10'000;

  /// The server's key is in that directory (server_keys.h).
  Keys(store::Tablet& tablet, std::string directory, Random& random = system_random())
      : tablet_(tablet), directory_(std::move(directory)), random_(random) {}

  /// Tier::memory: without reading a disk, or kWouldBlock of the store. kNoServerKey, kNoKey.
  Result<Key> find(Owner owner, KeyId id, store::Tier tier);
  /// The owner's newest; nothing: it has none. Waits.
  Result<std::optional<NamedKey>> newest(Owner owner);
  /// A new key, newer than `before` (0: the first). Nothing is to be sealed by it before its record is durable. The
  /// server's first key is made with it where nothing was wrapped yet. Waits. kNoServerKey.
  Result<NewKey> make(Owner owner, KeyId before);
  /// Ids of the owner's keys, ascending; needs none of them, nor the server's. Waits.
  static Result<std::vector<KeyId>> ids(store::Tablet& tablet, Owner owner, store::Reading reading = {});
  /// How often a key was used; nobody counted one of an older version, or whose count is damaged. Waits.
  static Result<KeyUses> uses(store::Tablet& tablet, Owner owner, KeyId id);
  /// Puts what KeyUses::to_record() said.
  static void put_uses(Owner owner, KeyId id, std::uint64_t uses, store::Batch& batch);
  /// All keys of an owner that is gone.
  static void erase(Owner owner, store::Batch& batch);
  /// The same of this process' memory, once that is durable. Who opens something of the owner's just now may bring one
  /// back for a while.
  void forget(Owner owner);
  /// One key, by which nothing is sealed any more. Who has it in memory goes on with what he read before.
  static void erase(Owner owner, KeyId id, store::Batch& batch);
  /// Whose keys are in the store, ascending; needs none of them. Waits.
  static Result<std::vector<Owner>> owners(store::Tablet& tablet);

  /// A new version of the server's key in the file, all keys wrapped by it, and then the file with that one alone.
  /// Keys are found and made meanwhile. Cut short at any step it is done again, and ends what was begun: the versions
  /// of before stay until nothing is wrapped by them. Versions that only this process still knows, since another file
  /// was put in its place, go back into the file first. Waits. kNoServerKey, also where a key is wrapped by a version
  /// that nobody has; kNoKey where a key does not open: then the versions of before stay, too; kRotationWaits; errors
  /// of the store.
  Result<Rotated> rotate_server_key(const store::Progress& progress = {}, Duration patience = kRotationPatience);
  /// Ids of the versions in the file as it is now, the one in use last. Waits. kNoServerKey.
  [[nodiscard]] Result<std::vector<std::uint64_t>> versions();
  /// Reads all records; needs no key. Waits.
  static Result<Wrappings> wrappings(store::Tablet& tablet);

 private:
  using Name = std::pair<Owner, KeyId>;
  struct NameHash {
    std::size_t operator()(const Name& name) const {
      return std::hash<std::uint64_t>()(name.first * 0x9E3779B97F4A7C15U ^ name.second);
    }
  };
  using Kept = std::list<std::pair<Name, Key>>;

  /// What was made while one version was the current one; over when the last record of it was answered.
  struct Round {
    std::promise<void> over;
    Round() = default;
    Round(const Round&) = delete;
    Round& operator=(const Round&) = delete;
    ~Round() { over.set_value(); }
  };
  struct Wrapper {
    ServerKeys::Version version;
    std::shared_ptr<const void> on_its_way;
  };

  std::optional<Key> kept(const Name& name);
  void keep(const Name& name, const Key& key);
  Result<Key> server_key(std::uint64_t id, store::Tier tier);
  Result<Wrapper> current_server_key();
  /// Whether the file is this store's: it opens one of its keys. kNoServerKey.
  Result<> prove(const ServerKeys& file);
  static Result<std::string> wrap(const Name& name, const Key& key, const ServerKeys::Version& by, Random& random);
  /// The id of the server's key that a record names; nothing: it is damaged.
  static std::optional<std::uint64_t> wrapped_by(std::string_view record);
  static Result<Key> open_by(const ServerKeys::Version& server, const Name& name, std::string_view wrapped);
  Result<Key> unwrap(const Name& name, std::string_view wrapped, store::Tier tier);

  // keys_rotation.cpp
  Result<std::pair<ServerKeys, bool>> begin_rotation();
  Result<> wait_for_earlier(Duration patience);
  Result<> wrap_all(const ServerKeys& keys, Rotated& done, const store::Progress& progress);
  Result<> forget_old(const ServerKeys& keys);

  store::Tablet& tablet_;
  const std::string directory_;
  Random& random_;
  std::mutex rotating_;                     // one rotation at a time; taken before the others
  std::vector<std::future<void>> earlier_;  // rounds that rotations ended, as far as they are not known to be over
  std::mutex file_mutex_;  // held while the file is read or written; taken before the other; guards the round
  std::shared_ptr<Round> round_ = std::make_shared<Round>();
  std::optional<ServerKeys::Version> proven_;  // has opened a key of this store; guarded by the same
  std::mutex mutex_;                           // guards all below
  std::optional<ServerKeys> server_;           // all that were seen and not forgotten
  Kept kept_;                                  // used last in front
  std::unordered_map<Name, Kept::iterator, NameHash> where_;
};

}  // namespace angarium::keyring
