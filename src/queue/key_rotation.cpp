// Rotation of the queue's key: what comes is sealed by a new one, and what waits by the one it was sealed by, which is
// forgotten when nothing needs it any more. Nothing is sealed anew: mail does not wait for ever.
#include "io/loop.h"
#include "queue/body.h"
#include "queue/keys.h"
#include "queue/queue.h"
#include "queue/record.h"
#include "store/codec.h"

namespace angarium::queue {
namespace {

/// Between two looks whether what is on its way has come.
constexpr Duration kLook = std::chrono::milliseconds(10);

}  // namespace

/// The keys by which something in the store is sealed.
struct BodyKeys::Needed {
  std::set<keyring::KeyId> ids;
  std::uint64_t damaged = 0;

  void add(std::optional<std::string_view> sealed_key) {
    if (sealed_key && sealed_key->empty()) return;
    store::RecordReader reader(sealed_key.value_or(""));
    const keyring::KeyId id = reader.number();
    if (reader.ok())
      ids.insert(id);
    else
      ++damaged;
  }
};

/// All of one moment: what is sent on goes from one entry to another by one batch, and would be in neither.
Result<BodyKeys::Needed> BodyKeys::needed(store::Tablet& tablet, const std::vector<SealedElsewhere>& elsewhere) {
  Needed found;
  const store::ReadView now = TRY(tablet.view());
  const std::string entries = kind_prefix(RecordKind::entry);
  TRY(tablet.scan(entries, behind(entries), {},
                  [&](std::string_view, std::string_view value) {
                    // Whose it is does not matter here.
                    const auto entry = decode_entry({}, value);
                    found.add(entry ? std::optional<std::string_view>(entry->sealed_key.octets) : std::nullopt);
                    return store::Step::next;
                  },
                  {.view = &now}));
  for (const SealedElsewhere& one : elsewhere)
    TRY(tablet.scan(one.from, one.to, {},
                    [&](std::string_view, std::string_view value) {
                      found.add(one.sealed_key(value));
                      return store::Step::next;
                    },
                    {.view = &now}));
  return found;
}

std::set<keyring::KeyId> BodyKeys::on_their_way() {
  const std::lock_guard lock(mutex_);
  std::erase_if(earlier_, [](const auto& one) { return one.second.expired(); });
  std::set<keyring::KeyId> ids;
  for (const auto& [id, on_its_way] : earlier_) ids.insert(id);
  return ids;
}

io::Task<Result<OldKeys>> BodyKeys::forget_old(Duration patience) {
  const auto read_ids = [&tablet = tablet_] { return keyring::Keys::ids(tablet, keyring::kQueue); };
  std::vector<keyring::KeyId> old = CO_TRY(co_await io::run(pool_, read_ids));
  if (old.size() < 2) co_return OldKeys{};
  // From here on nothing is sealed by one that is older, also by who has read its name a moment ago.
  const InUse newest_now = CO_TRY(co_await newest());
  std::erase_if(old, [&](keyring::KeyId id) { return id >= newest_now.key.id; });
  if (old.empty()) co_return OldKeys{};
  const Moment until = io::Loop::current().now() + patience;
  std::set<keyring::KeyId> late = on_their_way();
  while (!late.empty() && io::Loop::current().now() < until) {
    co_await io::Loop::current().sleep_for(kLook);
    late = on_their_way();
  }
  // Who was answered, or gave up waiting, has enqueued before this: what is durable then is all there will be of it.
  CO_TRY(co_await commit(tablet_, {}));
  const Needed needs = CO_TRY(co_await io::run(
      pool_, [&tablet = tablet_, elsewhere = elsewhere_]() -> Result<Needed> { return needed(tablet, elsewhere); }));
  OldKeys outcome{.damaged = needs.damaged};
  store::Batch batch;
  for (const keyring::KeyId id : old) {
    const bool goes = needs.damaged == 0 && !needs.ids.contains(id) && !late.contains(id);
    ++(goes ? outcome.erased : outcome.kept);
    if (goes) keyring::Keys::erase(keyring::kQueue, id, batch);
  }
  if (outcome.erased != 0) CO_TRY(co_await commit(tablet_, std::move(batch)));
  co_return outcome;
}

io::Task<Result<std::optional<OldKeys>>> BodyKeys::rotate(Duration patience) {
  using Outcome = std::optional<OldKeys>;
  if (keys_ == nullptr) co_return Outcome();
  const std::vector<keyring::KeyId> before =
      CO_TRY(co_await io::run(pool_, [&tablet = tablet_] { return keyring::Keys::ids(tablet, keyring::kQueue); }));
  if (before.empty()) co_return Outcome();
  CO_TRY(co_await make(before.back()));
  co_return Outcome(CO_TRY(co_await forget_old(patience)));
}

}  // namespace angarium::queue
