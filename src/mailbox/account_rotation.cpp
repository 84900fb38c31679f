// Rotation of an account's key: a new one is in use; when no batch sealed by another is on its way any more, all emails
// are sealed by it; when none is found that is not, the others are erased.
#include "mailbox/account.h"
#include "mailbox/keys.h"
#include "mailbox/record_opener.h"
#include "store/keys.h"

namespace angarium::mailbox {
namespace {

/// Of the records that one batch seals anew: it is on the way of no other for long.
constexpr std::size_t kRecordsAtOnce = 256;
constexpr std::size_t kOctetsAtOnce = 1u << 20;

struct Piece {
  store::Batch batch;
  EmailId last = 0;           ///< that was looked at
  std::uint64_t sealed = 0;   ///< put by the batch
  std::uint64_t damaged = 0;  ///< found, and left as they are
  bool more = false;
};

/// Ends with the scope.
class Underway {
 public:
  Underway(std::mutex& mutex, bool& flag) : mutex_(mutex), flag_(flag) {
    const std::lock_guard lock(mutex_);
    mine_ = !std::exchange(flag_, true);
  }
  Underway(const Underway&) = delete;
  Underway& operator=(const Underway&) = delete;
  ~Underway() {
    const std::lock_guard lock(mutex_);
    if (mine_) flag_ = false;
  }
  [[nodiscard]] bool mine() const { return mine_; }

 private:
  std::mutex& mutex_;
  bool& flag_;
  bool mine_ = false;
};

Result<> seal_into(Piece& piece, RecordOpener& opener, AccountId account, EmailId id, std::string_view record,
                   const keyring::NamedKey& by) {
  auto sealed = opener.seal_anew(id, record, by);
  if (!sealed && (sealed.error().is(kDamaged) || sealed.error().is(keyring::kNoKey))) {
    ++piece.damaged;
    return {};
  }
  // The body must not be swept in between: its email is still there when the new record comes (tablet.h, sweep()).
  piece.batch.expect(email_key(account, id), record);
  piece.batch.put(email_key(account, id), TRY(std::move(sealed)));
  ++piece.sealed;
  return {};
}

/// Those above `after` that are sealed by a key older than that one, as many as one batch takes. In the pool.
Result<Piece> next_piece(store::Tablet& tablet, keyring::Keys* keys, AccountId account, EmailId after,
                         const keyring::NamedKey& by) {
  Piece piece;
  RecordOpener opener(keys, account, store::Tier::any);
  Result<> outcome;
  TRY(tablet.scan(email_key(account, after + 1), store::after_prefix(Key(RecordKind::email, account)), {},
                  [&](std::string_view key, std::string_view record) {
                    piece.more = piece.sealed == kRecordsAtOnce || piece.batch.metadata_size() > kOctetsAtOnce;
                    if (piece.more) return store::Step::stop;
                    piece.last = key_number(key, kAfterAccount, 8);
                    const auto email = decode_email(piece.last, record);
                    const auto sealed_by = email ? key_of(*email) : std::nullopt;
                    if (!email) ++piece.damaged;
                    if (sealed_by && *sealed_by < by.id)
                      outcome = seal_into(piece, opener, account, piece.last, record, by);
                    return outcome ? store::Step::next : store::Step::stop;
                  }));
  TRY(std::move(outcome));
  return piece;
}

}  // namespace

io::Task<Result<KeyRotation>> Account::rotate_to(keyring::NamedKey key, store::Progress progress) {
  KeyRotation done;
  std::uint64_t found = 0;
  do {
    found = 0;
    done.damaged = 0;
    for (EmailId after = 0;;) {
      Piece piece = CO_TRY(co_await io::run(around_.pool, [around = around_, account = id_, after, key] {
        return next_piece(around.tablet, around.keys, account, after, key);
      }));
      if (piece.sealed != 0) {
        const auto written = co_await commit_sealed(key.id, piece.sealed, std::move(piece.batch));
        // One of them is gone from its grave: these are read again.
        if (!written && written.error().is(store::kExpectation)) continue;
        CO_TRY(written);
      }
      found += piece.sealed;
      done.damaged += piece.damaged;
      after = std::max(after, piece.last);
      if (!piece.more) break;
      if (progress) progress(after, std::max(after, last_email()));
    }
    done.sealed += found;
  } while (found != 0);
  co_return done;
}

io::Task<Result<>> Account::commit_sealed(keyring::KeyId key, std::uint64_t sealed, store::Batch batch) {
  {
    const std::lock_guard lock(mutex_);
    // With a newer one in use this one is not needed to the end: the next rotation goes to that.
    if (key_ && key_->id == key) {
      CO_TRY(key_uses_.use(sealed));
      if (const auto uses = key_uses_.to_record()) {
        keyring::Keys::put_uses(id_, key, *uses, batch);
        key_uses_.recorded(*uses);
      }
    }
  }
  auto written = co_await commit_unseen(std::move(batch));
  if (!written) {
    const std::lock_guard lock(mutex_);
    key_uses_.refused();
  }
  co_return written;
}

EmailId Account::last_email() const {
  const std::lock_guard lock(mutex_);
  return head_.email_next - 1;
}

io::Task<Result<KeyRotation>> Account::rotate_key(store::Progress progress) {
  const auto self = shared_from_this();
  const Underway underway(mutex_, rotating_);
  if (!underway.mine()) co_return fail(keyring::kRotationWaits, "the account's key is being rotated");
  if (around_.keys == nullptr) co_return KeyRotation{};
  const auto read_ids = [&tablet = around_.tablet, account = id_] { return keyring::Keys::ids(tablet, account); };
  // They have to open, or a new one would be one more to no end.
  const std::vector<keyring::KeyId> before = CO_TRY(co_await io::run(
      around_.pool, [read_ids, keys = around_.keys, account = id_]() -> Result<std::vector<keyring::KeyId>> {
        auto ids = TRY(read_ids());
        for (const keyring::KeyId id : ids) TRY(keys->find(account, id, store::Tier::any));
        return ids;
      }));
  if (before.empty()) co_return KeyRotation{};
  const keyring::NamedKey key = CO_TRY(co_await make_key(before.back()));
  use_key(key);
  // Whatever was sealed by another key was enqueued before this: when it is durable, all of that can be read.
  CO_TRY(co_await commit_unseen({}));
  KeyRotation done = CO_TRY(co_await rotate_to(key, std::move(progress)));
  if (done.damaged != 0) co_return done;
  store::Batch batch;
  for (const keyring::KeyId id : CO_TRY(co_await io::run(around_.pool, read_ids))) {
    if (id >= key.id) continue;
    keyring::Keys::erase(id_, id, batch);
    ++done.erased;
  }
  if (done.erased != 0) CO_TRY(co_await commit_unseen(std::move(batch)));
  co_return done;
}

}  // namespace angarium::mailbox
