#include "keyring/keys.h"

#include "keyring/key_files.h"
#include "store/codec.h"
#include "store/keys.h"

namespace angarium::keyring {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kServerIdOctets = 8;

std::string owner_prefix(Owner owner) { return store::KeyWriter().u8(kKeyOctet).u64(owner).key(); }
std::string uses_prefix(Owner owner) { return store::KeyWriter().u8(kUsesOctet).u64(owner).key(); }
std::string uses_at(Owner owner, KeyId id) { return store::KeyWriter().u8(kUsesOctet).u64(owner).u64(id).key(); }
std::string key_at(Owner owner, KeyId id) { return store::KeyWriter().u8(kKeyOctet).u64(owner).u64(id).key(); }

/// What a wrapped key is for: it opens nowhere else.
std::string about(Owner owner, KeyId id, std::uint64_t server) {
  return store::KeyWriter().rest("angarium key").u64(owner).u64(id).u64(server).key();
}

std::uint64_t number_in(std::string_view octets) { return store::KeyReader(octets).u64(); }

}  // namespace

std::optional<Key> Keys::kept(const Name& name) {
  const std::lock_guard lock(mutex_);
  const auto at = where_.find(name);
  if (at == where_.end()) return std::nullopt;
  kept_.splice(kept_.begin(), kept_, at->second);
  return at->second->second;
}

void Keys::keep(const Name& name, const Key& key) {
  const std::lock_guard lock(mutex_);
  if (where_.contains(name)) return;
  kept_.emplace_front(name, key);
  where_.emplace(name, kept_.begin());
  if (kept_.size() <= kKept) return;
  where_.erase(kept_.back().first);
  kept_.pop_back();
}

Result<Key> Keys::server_key(std::uint64_t id, store::Tier tier) {
  const auto known = [&]() -> std::optional<Key> {
    const std::lock_guard lock(mutex_);
    if (!server_) return std::nullopt;
    auto found = server_->find(id);
    return found ? std::optional(*std::move(found)) : std::nullopt;
  };
  if (auto key = known()) return *std::move(key);
  if (tier == store::Tier::memory) return fail(store::kWouldBlock, "the server's key is not in memory");
  const std::lock_guard file(file_mutex_);
  if (auto key = known()) return *std::move(key);
  ServerKeys read = TRY(ServerKeys::read(directory_));
  auto key = read.find(id);
  const std::lock_guard lock(mutex_);
  server_ = server_ ? server_->with(read) : std::move(read);
  return key;
}

Result<> Keys::prove(const ServerKeys& file) {
  if (proven_) {
    const auto same = file.find(proven_->id);
    if (same && *same == proven_->key) return {};
  }
  bool opened = false;
  const std::string all(1, static_cast<char>(kKeyOctet));
  TRY(tablet_.scan(all, store::after_prefix(all), {}, [&](std::string_view at, std::string_view wrapped) {
    const auto id = wrapped_by(wrapped);
    if (!id) return store::Step::next;
    const auto by = file.find(*id);
    if (!by) return store::Step::next;
    store::KeyReader name(at.substr(all.size()));
    const Owner owner = name.u64();
    opened = open_by({*id, *by}, {owner, name.u64()}, wrapped).has_value();
    if (opened) proven_ = ServerKeys::Version{*id, *by};
    return opened ? store::Step::stop : store::Step::next;
  }));
  if (opened) return {};
  return fail(kNoServerKey, directory_ + "/" + std::string(kKeysFile) +
                                ": it opens no key of this store: bring back the one that does");
}

Result<Keys::Wrapper> Keys::current_server_key() {
  const std::lock_guard file(file_mutex_);
  bool wrapped = false;
  const std::string all(1, static_cast<char>(kKeyOctet));
  TRY(tablet_.scan(all, store::after_prefix(all), {.limit = 1}, [&](std::string_view, std::string_view) {
    wrapped = true;
    return store::Step::stop;
  }));
  // A file that was lost is not replaced by one that opens nothing of what is there. The file is read each time: what
  // is wrapped by a key that is in memory alone is lost with the process.
  ServerKeys keys = TRY(wrapped ? ServerKeys::read(directory_) : ServerKeys::make(directory_, random_));
  // What a file of another store wraps is lost when the right one is back.
  if (wrapped) TRY(prove(keys));
  ServerKeys::Version current = keys.current();
  const std::lock_guard lock(mutex_);
  server_ = server_ ? server_->with(keys) : std::move(keys);
  return Wrapper{std::move(current), round_};
}

Result<std::string> Keys::wrap(const Name& name, const Key& key, const ServerKeys::Version& by, Random& random) {
  std::string wrapped(1, kVersion);
  wrapped += store::KeyWriter().u64(by.id).key();
  wrapped += TRY(seal(by.key, key.octets(), about(name.first, name.second, by.id), random));
  return wrapped;
}

std::optional<std::uint64_t> Keys::wrapped_by(std::string_view record) {
  store::RecordReader reader(record);
  const bool known = reader.octet() == kVersion;
  const std::string_view server = reader.take(kServerIdOctets);
  if (!known || !reader.ok()) return std::nullopt;
  return number_in(server);
}

Result<Key> Keys::open_by(const ServerKeys::Version& server, const Name& name, std::string_view wrapped) {
  auto octets = open(server.key, wrapped.substr(1 + kServerIdOctets), about(name.first, name.second, server.id));
  if (!octets || octets->size() != kKeyOctets) return fail(kNoKey, "the record of a key does not open");
  Key key(*octets);
  wipe(*octets);
  return key;
}

Result<Key> Keys::unwrap(const Name& name, std::string_view wrapped, store::Tier tier) {
  const auto id = wrapped_by(wrapped);
  if (!id) return fail(kNoKey, "the record of a key is damaged");
  return open_by({*id, TRY(server_key(*id, tier))}, name, wrapped);
}

Result<Key> Keys::find(Owner owner, KeyId id, store::Tier tier) {
  const Name name(owner, id);
  if (auto key = kept(name)) return *std::move(key);
  auto wrapped = TRY(tablet_.get(key_at(owner, id), {.tier = tier}));
  while (true) {
    if (!wrapped) return fail(kNoKey, "a key is not there");
    auto key = unwrap(name, *wrapped, tier);
    if (key) {
      keep(name, *key);
      return key;
    }
    if (!key.error().is(kNoServerKey)) return key;
    // A rotation may have wrapped it by a new version, and forgotten the one that it was read with.
    auto again = TRY(tablet_.get(key_at(owner, id), {.tier = tier}));
    if (again == wrapped) return key;
    wrapped = std::move(again);
  }
}

Result<std::optional<NamedKey>> Keys::newest(Owner owner) {
  const std::string prefix = owner_prefix(owner);
  std::optional<KeyId> id;
  TRY(tablet_.scan(prefix, store::after_prefix(prefix), {.limit = 1, .direction = store::Direction::backward},
                   [&](std::string_view key, std::string_view) {
                     id = number_in(key.substr(prefix.size()));
                     return store::Step::stop;
                   }));
  if (!id) return std::nullopt;
  return NamedKey{*id, TRY(find(owner, *id, store::Tier::any))};
}

Result<NewKey> Keys::make(Owner owner, KeyId before) {
  Wrapper by = TRY(current_server_key());
  NewKey made{.named = {((before >> 32U) + 1) << 32U | (random_.number() & UINT32_MAX), Key::make(random_)},
              .at = {},
              .wrapped = {},
              .uses_at = {},
              .on_its_way = std::move(by.on_its_way)};
  made.at = key_at(owner, made.named.id);
  made.uses_at = uses_at(owner, made.named.id);
  made.wrapped = TRY(wrap({owner, made.named.id}, made.named.key, by.version, random_));
  return made;
}

Result<std::vector<KeyId>> Keys::ids(store::Tablet& tablet, Owner owner, store::Reading reading) {
  const std::string prefix = owner_prefix(owner);
  std::vector<KeyId> found;
  TRY(tablet.scan(
      prefix, store::after_prefix(prefix), {},
      [&](std::string_view key, std::string_view) {
        found.push_back(number_in(key.substr(prefix.size())));
        return store::Step::next;
      },
      reading));
  return found;
}

void Keys::erase(Owner owner, store::Batch& batch) {
  const std::string prefix = owner_prefix(owner);
  batch.erase_range(prefix, store::after_prefix(prefix));
  const std::string uses = uses_prefix(owner);
  batch.erase_range(uses, store::after_prefix(uses));
}

void Keys::forget(Owner owner) {
  const std::lock_guard lock(mutex_);
  std::erase_if(where_, [owner](const auto& each) { return each.first.first == owner; });
  std::erase_if(kept_, [owner](const auto& each) { return each.first.first == owner; });
}

void Keys::erase(Owner owner, KeyId id, store::Batch& batch) {
  batch.erase(key_at(owner, id));
  batch.erase(uses_at(owner, id));
}

Result<KeyUses> Keys::uses(store::Tablet& tablet, Owner owner, KeyId id) {
  const auto record = TRY(tablet.get(uses_at(owner, id)));
  return KeyUses(record ? KeyUses::decode(*record) : std::nullopt);
}

void Keys::put_uses(Owner owner, KeyId id, std::uint64_t uses, store::Batch& batch) {
  batch.put(uses_at(owner, id), KeyUses::encode(uses));
}

Result<std::vector<Owner>> Keys::owners(store::Tablet& tablet) {
  std::vector<Owner> found;
  const std::string all(1, static_cast<char>(kKeyOctet));
  TRY(tablet.scan(all, store::after_prefix(all), {}, [&](std::string_view key, std::string_view) {
    const Owner owner = number_in(key.substr(all.size()));
    if (found.empty() || found.back() != owner) found.push_back(owner);
    return store::Step::next;
  }));
  return found;
}

}  // namespace angarium::keyring
