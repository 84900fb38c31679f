#include "queue/body.h"

#include <algorithm>

#include "keyring/body.h"
#include "queue/queue.h"
#include "store/codec.h"
#include "store/keys.h"

namespace angarium::queue {
namespace {

/// Not the entry: what is sent on is a new entry with the same body, and the key of a body opens no other.
std::string about(keyring::KeyId id) { return store::KeyWriter().rest("angarium queue").u64(id).key(); }

}  // namespace

Result<keyring::Key> open_body_key(keyring::Keys* keys, std::string_view sealed_key, store::Tier tier) {
  store::RecordReader reader(sealed_key);
  const keyring::KeyId id = reader.number();
  if (!reader.ok()) return fail(kDamagedRecord, "the key of a body is damaged");
  if (keys == nullptr) return fail(keyring::kNoServerKey, "mail is sealed, and there are no keys");
  const keyring::Key by = TRY(keys->find(keyring::kQueue, id, tier));
  std::string octets = TRY(keyring::open(by, reader.rest(), about(id)));
  keyring::Key key(octets);
  keyring::wipe(octets);
  return key;
}

Result<> read_body(store::Tablet& tablet, keyring::Keys* keys, const Entry& entry, std::uint64_t offset,
                   std::size_t size, store::Tier tier, std::string& to) {
  to.clear();
  const std::uint64_t length = entry.body_length();
  if (offset >= length) return {};
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size, length - offset));
  const auto read = [&](std::uint64_t at, std::span<char> into) {
    return tablet.read_body(entry.body, at, into, tier);
  };
  if (!entry.sealed_key.empty())
    return keyring::open_body(TRY(open_body_key(keys, entry.sealed_key.octets, tier)), entry.body.length, offset, size,
                              read, to);
  to.resize(size);
  return read(offset, to);
}

std::optional<BodyKeys::InUse> BodyKeys::in_use() {
  const std::lock_guard lock(mutex_);
  return newest_;
}

BodyKeys::InUse BodyKeys::use(keyring::NamedKey key, keyring::KeyUses uses) {
  const std::lock_guard lock(mutex_);
  // Of two that were made at the same time the higher one is the newest to everybody.
  if (!newest_ || newest_->key.id < key.id) {
    if (newest_) earlier_.emplace_back(newest_->key.id, newest_->on_its_way);
    newest_ = InUse{std::move(key), uses, std::make_shared<char>()};
  }
  return *newest_;
}

io::Task<Result<BodyKeys::InUse>> BodyKeys::make(keyring::KeyId before) {
  keyring::NewKey made =
      CO_TRY(co_await io::run(pool_, [keys = keys_, before] { return keys->make(keyring::kQueue, before); }));
  store::Batch batch;
  made.put(batch);
  CO_TRY(co_await commit(tablet_, std::move(batch)));
  co_return use(std::move(made.named), keyring::KeyUses());
}

io::Task<Result<BodyKeys::InUse>> BodyKeys::newest() {
  if (auto known = in_use()) co_return *std::move(known);
  if (keys_ == nullptr) co_return fail(keyring::kNoServerKey, "mail is sealed, and there are no keys");
  struct Found {
    std::optional<keyring::NamedKey> key;
    keyring::KeyUses uses;
  };
  auto found = co_await io::run(pool_, [keys = keys_, &tablet = tablet_]() -> Result<Found> {
    Found newest{.key = TRY(keys->newest(keyring::kQueue)), .uses = {}};
    if (newest.key) newest.uses = TRY(keyring::Keys::uses(tablet, keyring::kQueue, newest.key->id));
    return newest;
  });
  // What was found may have been forgotten before it was read, and another be in use.
  if (auto known = in_use()) co_return *std::move(known);
  if (!found) co_return std::unexpected(std::move(found).error());
  if (found->key) co_return use(*std::move(found->key), found->uses);
  co_return co_await make(0);
}

std::optional<BodyKeys::InUse> BodyKeys::take_counted() {
  const std::lock_guard lock(mutex_);
  if (!newest_ || newest_->uses.worn() || !newest_->uses.has_room() || !newest_->uses.use()) return std::nullopt;
  return newest_;
}

/// What is sealed has its record before: the estimate is never too low.
io::Task<Result<>> BodyKeys::reserve(InUse newest) {
  const std::uint64_t uses = newest.uses.used() + kStride;
  store::Batch batch;
  keyring::Keys::put_uses(keyring::kQueue, newest.key.id, uses, batch);
  CO_TRY(co_await commit(tablet_, std::move(batch)));
  const std::lock_guard lock(mutex_);
  if (newest_->key.id == newest.key.id) newest_->uses.recorded(uses);
  co_return Result<>();
}

io::Task<Result<BodyKeys::InUse>> BodyKeys::take() {
  while (true) {
    if (auto counted = take_counted()) co_return *std::move(counted);
    InUse newest_now = CO_TRY(co_await newest());
    if (newest_now.uses.worn())
      CO_TRY(co_await make(newest_now.key.id));
    else if (!newest_now.uses.has_room())
      CO_TRY(co_await reserve(std::move(newest_now)));
  }
}

io::Task<Result<SealedKey>> BodyKeys::seal(keyring::Key body_key) {
  InUse by = CO_TRY(co_await take());
  SealedKey sealed{.octets = {}, .on_its_way = std::move(by.on_its_way)};
  store::put_number(sealed.octets, by.key.id);
  sealed.octets += CO_TRY(keyring::seal(by.key.key, body_key.octets(), about(by.key.id)));
  co_return sealed;
}

}  // namespace angarium::queue
