// All accounts of a tablet: which are loaded, deliveries to several of them, housekeeping.
#include <algorithm>
#include <map>

#include "io/one_for_all.h"
#include "mailbox/account.h"
#include "mailbox/grave.h"
#include "store/keys.h"

namespace angarium::mailbox {

namespace {

class Store final : public MailboxStore {
 public:
  Store(store::Tablet& tablet, io::Pool& pool, const MailboxStoreOptions& options)
      : options_(options),
        around_{tablet,
                pool,
                *options.clock,
                sharing_,
                &options_.on_added,
                options.keys,
                options.keys != nullptr ? options.sealing : Sealing::off} {}

  io::Task<Result<AccountMailPtr>> account(AccountId account) override {
    co_return AccountMailPtr(CO_TRY(co_await load(account)));
  }
  AccountMailPtr account_now(AccountId account) override { return loaded(account); }
  io::Task<Result<>> create_account(AccountId account, QuotaLimits limits) override;
  void create_account(AccountId account, QuotaLimits limits, store::Batch& batch) override;
  io::Task<Result<>> remove_account(AccountId account, store::Batch also) override;
  io::Task<Result<std::vector<AccountId>>> sharing(std::vector<std::string> identifiers) override;
  io::Task<Result<std::vector<Result<Delivered>>>> deliver(Delivery delivery) override;
  [[nodiscard]] keyring::Keys* keys() const override { return around_.keys; }
  std::unique_ptr<Intake> intake(Arrival arrival) override {
    return std::make_unique<Intake>(around_.tablet, around_.pool, arrival, around_.sealing);
  }
  io::Task<Result<>> tidy() override;

 private:
  /// A recipient while a delivery is put together.
  struct Recipient {
    std::shared_ptr<Account> account;
    ThreadHits hits;
  };

  std::shared_ptr<Account> loaded(AccountId account);
  io::Task<Result<std::shared_ptr<Account>>> load(AccountId account);
  io::Task<Result<>> commit(store::Batch batch);
  void enqueue(Delivery& delivery, const std::vector<Recipient>& recipients, std::vector<Result<Delivered>>& results,
               Done<store::CommitInfo> done);
  void drop_idle();

  io::Task<Result<>> know_sharing();

  Sharing sharing_;
  io::OneForAll learning_;  ///< who shares
  MailboxStoreOptions options_;
  Surroundings around_;
  std::mutex mutex_;  // guards the two below; an account's may be taken after it
  std::unordered_map<AccountId, std::shared_ptr<Account>> accounts_;
  std::uint64_t dropped_ = 0;  // how often an account left the map
};

std::shared_ptr<Account> Store::loaded(AccountId account) {
  const std::lock_guard lock(mutex_);
  const auto at = accounts_.find(account);
  if (at == accounts_.end()) return nullptr;
  if (!at->second->stale()) return at->second;
  // Only when nothing of it is on its way any more is what is durable all there is.
  if (at->second->settle(Moment{INT64_MIN})) {
    at->second->tell_replaced();
    accounts_.erase(at);
    ++dropped_;
    return nullptr;
  }
  return at->second;
}

io::Task<Result<std::shared_ptr<Account>>> Store::load(AccountId id) {
  while (true) {
    if (auto account = loaded(id)) co_return account;
    std::uint64_t dropped = 0;
    {
      const std::lock_guard lock(mutex_);
      dropped = dropped_;
    }
    auto account = CO_TRY(co_await io::run(around_.pool, [around = around_, id] { return Account::load(id, around); }));
    const std::lock_guard lock(mutex_);
    // Another's may have been loaded, changed and dropped since this one was read.
    if (dropped != dropped_) continue;
    const auto [at, is_new] = accounts_.try_emplace(id, std::move(account));
    if (is_new) at->second->installed();
    co_return at->second;
  }
}

io::Task<Result<>> Store::commit(store::Batch batch) {
  io::CrossThread<store::CommitInfo> answer;
  Commit::enqueue(around_.tablet, std::move(batch), {}, answer.completion());
  CO_TRY(co_await answer);
  co_return Result<>();
}

io::Task<Result<>> Store::create_account(AccountId account, QuotaLimits limits) {
  store::Batch batch;
  create_account(account, limits, batch);
  auto outcome = co_await commit(std::move(batch));
  if (!outcome && outcome.error().is(store::kExpectation)) co_return Result<>();
  co_return outcome;
}

void Store::create_account(AccountId account, QuotaLimits limits, store::Batch& batch) {
  batch.expect(account_key(account), std::nullopt);
  Account::create(account, limits, around_.clock.wall(), batch);
}

io::Task<Result<>> Store::remove_account(AccountId id, store::Batch also) {
  auto found = co_await load(id);
  if (!found && found.error().is(kNoMailbox) && !also.empty()) co_return co_await commit(std::move(also));
  const auto account = CO_TRY(std::move(found));
  store::Batch batch = std::move(also);
  Account::erase(id, batch);
  io::CrossThread<store::CommitInfo> answer;
  {
    const auto lock = account->lock();
    // What is pending goes before this batch, and nothing comes after it.
    Commit::enqueue(around_.tablet, std::move(batch), {}, answer.completion());
    account->refuse();
  }
  CO_TRY(co_await answer);
  if (around_.keys != nullptr) around_.keys->forget(id);
  account->tell_replaced();
  const std::lock_guard lock(mutex_);
  accounts_.erase(id);
  ++dropped_;
  sharing_.set(id, {});
  co_return Result<>();
}

/// Reads all lists once; what changes meanwhile and later is told by the accounts themselves.
io::Task<Result<>> Store::know_sharing() {
  using Found = std::map<AccountId, Sharing::Identifiers>;
  Found found = CO_TRY(co_await io::run(around_.pool, [&tablet = around_.tablet]() -> Result<Found> {
    Found all;
    const Key prefix(RecordKind::access);
    TRY(tablet.scan(prefix, store::after_prefix(prefix), {}, [&](std::string_view key, std::string_view value) {
      // Whose list is damaged grants nothing, and does not load.
      const auto list = decode_access(value);
      for (const AccessEntry& entry : list.value_or(AccessList()))
        if (entry.sense == AccessEntry::Sense::grant) all[key_number(key, kAccountAt, 8)].insert(entry.identifier);
      return store::Step::next;
    }));
    return all;
  }));
  sharing_.set_all(std::move(found));
  co_return Result<>();
}

io::Task<Result<std::vector<AccountId>>> Store::sharing(std::vector<std::string> identifiers) {
  if (!sharing_.known()) CO_TRY(co_await learning_.run([this] { return know_sharing(); }));
  co_return sharing_.accounts(identifiers);
}

/// Under the mutexes of all the accounts: everything gets its numbers and goes to the tablet's queue.
void Store::enqueue(Delivery& delivery, const std::vector<Recipient>& recipients,
                    std::vector<Result<Delivered>>& results, Done<store::CommitInfo> done) {
  // In the order of ids, so that deliveries never wait for each other in a circle.
  std::map<AccountId, std::pair<std::unique_lock<std::mutex>, std::shared_ptr<CommitPart>>> locked;
  std::map<AccountId, Account*> ordered;
  for (const Recipient& recipient : recipients)
    if (recipient.account) ordered.emplace(recipient.account->id(), recipient.account.get());
  for (const auto& [id, account] : ordered) locked.emplace(id, std::pair(account->lock(), nullptr));

  if (delivery.together == Together::all_or_nothing) {
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      Result<> may = recipients[i].account->may_add_delivery(delivery.recipients[i], *delivery.content);
      if (!may) return done(std::unexpected(std::move(may).error()));
    }
  }
  store::Batch batch = std::move(delivery.also);
  std::optional<std::size_t> body = delivery.body;
  std::vector<std::shared_ptr<CommitPart>> parts;
  const Received received = delivery.received.value_or(Received{.at = around_.clock.wall()});
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    Account* const account = recipients[i].account.get();
    if (!account) continue;
    auto part = std::make_shared<CommitPart>();
    part->account = recipients[i].account;
    part->only_adds = true;
    results[i] = account->add_delivery(delivery.recipients[i], *delivery.content, recipients[i].hits, received, body,
                                       batch, *part);
    if (!results[i]) continue;
    account->pend(part);
    parts.push_back(std::move(part));
  }
  if (delivery.record) delivery.record(results, batch);
  if (batch.empty()) return done(store::CommitInfo{});
  Commit::enqueue(around_.tablet, std::move(batch), std::move(parts), std::move(done));
}

io::Task<Result<std::vector<Result<Delivered>>>> Store::deliver(Delivery delivery) {
  std::vector<Result<Delivered>> results;
  std::vector<Recipient> recipients;
  for (const DeliveryRecipient& recipient : delivery.recipients) {
    Recipient& here = recipients.emplace_back();
    results.emplace_back(Delivered{});
    auto account = co_await load(recipient.account);
    if (!account) {
      // An unknown account is this recipient's trouble; a store that does not answer is everybody's.
      const bool alone = delivery.together == Together::each_alone && account.error().is(kNoMailbox);
      if (!alone) co_return std::unexpected(std::move(account).error());
      results.back() = std::unexpected(std::move(account).error());
      continue;
    }
    if (auto ready = co_await (*account)->prepare(*delivery.content); !ready) {
      // A key that does not open is this recipient's trouble, too.
      const bool of_key = ready.error().is(keyring::kNoKey) || ready.error().is(keyring::kNoServerKey);
      if (delivery.together != Together::each_alone || !of_key) co_return std::unexpected(std::move(ready).error());
      results.back() = std::unexpected(std::move(ready).error());
      continue;
    }
    here.account = *std::move(account);
    here.hits = CO_TRY(co_await here.account->find_threads(delivery.content->facts.threads));
  }
  io::CrossThread<store::CommitInfo> answer;
  enqueue(delivery, recipients, results, answer.completion());
  CO_TRY(co_await answer);
  co_return results;
}

void Store::drop_idle() {
  const Moment before = around_.clock.now() + -options_.view_idle;
  const std::lock_guard lock(mutex_);
  for (auto at = accounts_.begin(); at != accounts_.end();) {
    const bool settled = at->second->settle(before);
    const bool stale = at->second->stale() && around_.tablet.running();
    if (settled && stale) at->second->tell_replaced();
    if (settled && (stale || (at->second.use_count() == 1 && accounts_.size() > options_.idle_accounts_max))) {
      at = accounts_.erase(at);
      ++dropped_;
    } else {
      ++at;
    }
  }
}

io::Task<Result<>> Store::tidy() {
  drop_idle();
  while (true) {
    const std::int64_t now = around_.clock.wall().seconds();
    auto batch =
        CO_TRY(co_await io::run(around_.pool, [&tablet = around_.tablet, now] { return empty_grave(tablet, now); }));
    if (!batch) co_return Result<>();
    CO_TRY(co_await commit(*std::move(batch)));
  }
}

}  // namespace

std::unique_ptr<MailboxStore> MailboxStore::make(store::Tablet& tablet, io::Pool& pool, MailboxStoreOptions options) {
  return std::make_unique<Store>(tablet, pool, options);
}

}  // namespace angarium::mailbox
