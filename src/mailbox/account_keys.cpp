// The key by which an account's emails are sealed.
#include "mailbox/account.h"

namespace angarium::mailbox {

bool Account::seals(const Content& content) const { return around_.sealing == Sealing::on || content.key.has_value(); }

io::Task<Result<>> Account::commit_unseen(store::Batch batch) {
  io::CrossThread<store::CommitInfo> answer;
  {
    const std::lock_guard lock(mutex_);
    CO_TRY(usable());
    Commit::enqueue(around_.tablet, std::move(batch), {}, answer.completion());
  }
  CO_TRY(co_await answer);
  co_return Result<>();
}

io::Task<Result<keyring::NamedKey>> Account::make_key(keyring::KeyId before) {
  keyring::NewKey made =
      CO_TRY(co_await io::run(around_.pool, [keys = around_.keys, account = id_, before]() -> Result<keyring::NewKey> {
        return keys->make(account, before);
      }));
  store::Batch batch;
  made.put(batch);
  CO_TRY(co_await commit_unseen(std::move(batch)));
  co_return std::move(made.named);
}

io::Task<Result<Account::UsedKey>> Account::newest_key() {
  if (around_.keys == nullptr) co_return fail(keyring::kNoServerKey, "mail is sealed, and there are no keys");
  using Found = std::optional<UsedKey>;
  const Found found = CO_TRY(co_await io::run(around_.pool, [around = around_, account = id_]() -> Result<Found> {
    const auto newest = TRY(around.keys->newest(account));
    if (!newest) return std::nullopt;
    return UsedKey{*newest, TRY(keyring::Keys::uses(around.tablet, account, newest->id))};
  }));
  if (found && !found->uses.worn()) co_return *found;
  co_return UsedKey{CO_TRY(co_await make_key(found ? found->key.id : 0)), {}};
}

void Account::use_key(const keyring::NamedKey& key, keyring::KeyUses uses) {
  const std::lock_guard lock(mutex_);
  // Of two that were made at the same time the higher one is the newest to everybody.
  if (key_ && key_->id >= key.id) return;
  key_ = key;
  key_uses_ = uses;
}

io::Task<Result<>> Account::prepare(const Content& content) {
  if (!seals(content)) co_return Result<>();
  std::optional<keyring::KeyId> worn;
  {
    const std::lock_guard lock(mutex_);
    if (key_ && !key_uses_.worn()) co_return Result<>();
    if (key_) worn = key_->id;
  }
  // What the worn one sealed stays as it is, and so does that key, until a rotation.
  if (worn) {
    use_key(CO_TRY(co_await make_key(*worn)));
    co_return Result<>();
  }
  const UsedKey newest = CO_TRY(co_await newest_key());
  use_key(newest.key, newest.uses);
  co_return Result<>();
}

void Account::put_uses(store::Batch& batch, CommitPart& part) {
  const auto uses = key_uses_.to_record(part.key_uses);
  if (!uses) return;
  keyring::Keys::put_uses(id_, key_->id, *uses, batch);
  part.key_uses = *uses;
}

}  // namespace angarium::mailbox
