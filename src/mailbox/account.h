// One account's mail in memory: what is durable ("shown"), and what is on its way to the log.
//
// Every change is made under the account's mutex: it is judged against the head (what is shown and what is pending),
// gets its numbers, goes to the tablet's queue, and becomes visible in completed(), in the same order. The mutex is
// never held over I/O or a co_await. Only a change that brings bodies can fail alone (kStoreFull); nothing that is
// allocated later depends on it. Any other failure makes this object stale: it refuses further changes and is loaded
// anew.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "keyring/keys.h"
#include "mailbox/commit.h"
#include "mailbox/keys.h"
#include "mailbox/mailbox.h"
#include "mailbox/record.h"

namespace angarium::mailbox {

/// Who granted anything to whom: identifiers of access control lists, and the accounts whose lists name them. Any
/// thread.
class Sharing {
 public:
  using Identifiers = std::set<std::string, std::less<>>;
  /// What an account grants now, in all of its lists; it says so itself.
  void set(AccountId account, Identifiers identifiers);
  /// What all accounts were found to grant; those that said so themselves meanwhile know better. Once.
  void set_all(std::map<AccountId, Identifiers> found);
  [[nodiscard]] bool known() const;
  [[nodiscard]] std::vector<AccountId> accounts(const std::vector<std::string>& identifiers) const;

 private:
  mutable std::mutex mutex_;  // taken alone or after an account's
  void put(AccountId account, Identifiers identifiers);

  std::map<AccountId, Identifiers> granted_;
  std::map<std::string, std::set<AccountId>, std::less<>> accounts_;
  bool known_ = false;
  std::set<AccountId> said_;  // until all are known: who has said it
};

/// What all accounts of a store share.
struct Surroundings {
  store::Tablet& tablet;
  io::Pool& pool;
  const Clock& clock;
  Sharing& sharing;
  const std::function<void(AccountId)>* on_added = nullptr;
  keyring::Keys* keys = nullptr;
  Sealing sealing = Sealing::off;
};

/// Thread keys and the threads the state has for them; 0: none.
using ThreadHits = std::vector<std::pair<std::uint64_t, ThreadId>>;

class Account final : public AccountMail, public std::enable_shared_from_this<Account> {
 public:
  Account(AccountId id, const Surroundings& around) : id_(id), around_(around) {}
  /// Reads the account's small records. Waits. kNoMailbox if there is no such account.
  static Result<std::shared_ptr<Account>> load(AccountId id, const Surroundings& around);
  /// The records of a new account.
  static void create(AccountId id, const QuotaLimits& limits, WallTime now, store::Batch& batch);
  /// Erases all records but the graves.
  static void erase(AccountId id, store::Batch& batch);

  AccountId id() const override { return id_; }
  ListingPtr listing() const override;
  Result<Status> status(MailboxId mailbox) const override;
  Quota quota() const override;
  Modseq modseq() const override;
  Result<> may_accept(std::uint64_t octets, std::uint64_t messages) const override;
  Result<> may_flag(MailboxId mailbox, const FlagNames& flags) const override;
  ViewPtr view_now(MailboxId mailbox) override;
  std::unique_ptr<Watch> watch(MailboxId mailbox, WakeHook hook) override;
  Uid take_recent(MailboxId mailbox) override;
  Uid peek_recent(MailboxId mailbox) const override;
  io::Task<Result<ViewPtr>> view(MailboxId mailbox) override;

  io::Task<Result<MailboxInfo>> create(std::string name, SpecialUse use) override;
  io::Task<Result<>> remove(std::string name) override;
  io::Task<Result<>> rename(std::string from, std::string to) override;
  io::Task<Result<>> subscribe(std::string name, Subscription subscription) override;
  io::Task<Result<>> set_quota(QuotaLimits limits) override;

  io::Task<Result<>> set_access(MailboxId mailbox, AccessEntry entry, AccessChange change) override;
  io::Task<Result<CopyResult>> copy_to(MailboxId from, UidSet uids, std::shared_ptr<AccountMail> target, MailboxId to,
                                       CopiedFlags flags) override;
  std::vector<Metadata> metadata(MailboxId mailbox, MetadataOwner owner) const override;
  io::Task<Result<>> set_metadata(MailboxId mailbox, std::vector<MetadataItem> items, std::uint64_t author) override;
  MetadataNews metadata_news(std::uint64_t seen) const override;
  std::uint64_t metadata_seen() const override;

  std::optional<std::string> url_key(MailboxId mailbox) const override;
  io::Task<Result<std::string>> make_url_key(MailboxId mailbox, std::string fresh) override;
  io::Task<Result<>> remove_url_keys(std::optional<MailboxId> mailbox) override;
  std::uint64_t url_keys_removed(MailboxId mailbox) const override;

  io::Task<Result<AppendResult>> append(MailboxId mailbox, std::vector<AppendItem> items, store::Batch also) override;
  io::Task<Result<AppendResult>> replace(MailboxId from, Uid uid, MailboxId to, AppendItem item) override;
  io::Task<Result<FlagResult>> change_flags(MailboxId mailbox, UidSet uids, FlagRequest request,
                                            FlagOptions options) override;
  io::Task<Result<ExpungeResult>> expunge(MailboxId mailbox, UidSet uids, ExpungeOnly only) override;
  io::Task<Result<CopyResult>> copy(MailboxId from, UidSet uids, MailboxId to) override;
  io::Task<Result<CopyResult>> move(MailboxId from, UidSet uids, MailboxId to) override;

  io::Task<Result<UidSet>> vanished(MailboxId mailbox, Modseq since, UidSet known) override;
  io::Task<Result<std::vector<Change>>> changes(Modseq since, std::size_t limit) override;
  Result<EmailPtr> email_now(EmailId email) override;
  io::Task<Result<EmailPtr>> email(EmailId email) override;
  io::Task<Result<>> emails(std::span<const EmailId> emails, EmailVisitor each) override;
  Result<std::string> read_now(const Email& email, std::uint64_t offset, std::size_t length) override;
  io::Task<Result<std::string>> read(EmailPtr email, std::uint64_t offset, std::size_t length) override;
  io::Task<Result<std::string>> read_stored(EmailPtr email, std::uint64_t offset, std::size_t length) override;
  io::Task<Result<std::vector<EmailId>>> thread(ThreadId thread) override;
  io::Task<Result<KeyRotation>> rotate_key(store::Progress progress) override;

  // --- for the store of the accounts
  // ----------------------------------------------------------------------------------
  /// Sees to it that an email of this content can be put: where it is sealed, that the account has a key, durable, and
  /// that it is in memory. Before lock(). keyring::kNoServerKey.
  io::Task<Result<>> prepare(const Content& content);
  /// Which threads the state has for these keys; goes to the pool on a miss. Before lock().
  io::Task<Result<ThreadHits>> find_threads(std::vector<std::uint64_t> keys);
  [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  /// Whether add_delivery() would take it now. The lock is held.
  Result<> may_add_delivery(const DeliveryRecipient& recipient, const Content& content);
  /// Adds a delivered email to the batch. The lock is held. The part is filled, not yet pending.
  Result<Delivered> add_delivery(const DeliveryRecipient& recipient, const Content& content, const ThreadHits& hits,
                                 Received received, std::optional<std::size_t>& body, store::Batch& batch,
                                 CommitPart& part);
  /// The part goes to the tablet's queue with its batch now. The lock is held until that has happened.
  void pend(std::shared_ptr<CommitPart> part);
  /// It is the account's one object from now on.
  void installed() {
    const std::lock_guard lock(mutex_);
    tell_sharing();
  }
  /// Called by the committer's thread in the order of pend().
  void completed(CommitPart& part, const Result<store::CommitInfo>& result);
  /// No change is on its way, and views nobody used since `before` are dropped.
  bool settle(Moment before);
  /// From now on everything is refused with kNoMailbox. The lock is held.
  void refuse() { removed_ = true; }
  /// Wakes all watches. The lock is not held.
  void tell_replaced();
  /// Must not be used for new work: it may differ from what is durable.
  [[nodiscard]] bool stale() const override;

 private:
  friend class WatchBody;

  /// A mailbox. `info` is what is shown; the fields called head_ are ahead of it by what is pending.
  struct Mailbox {
    MailboxInfo info;
    bool visible = true;  ///< its creation is durable
    bool doomed = false;  ///< its deletion is pending
    std::string head_name;
    bool head_selectable = true;
    AccessListPtr head_access;
    MailboxCounters shown;
    Uid head_uid_next = 1;
    std::shared_ptr<const KeywordTable> keywords = std::make_shared<const KeywordTable>();  ///< of the head
    KeywordSet keywords_pending;  ///< whose definitions are not durable yet: every batch that uses one writes it again

    bool loaded = false;
    bool loading = false;                               ///< somebody reads the blocks
    std::vector<Done<>> awaiting_load;                  ///< of those who wait for that
    Draft draft;                                        ///< shown messages, if loaded
    std::vector<std::shared_ptr<const Delta>> backlog;  ///< became durable while somebody reads
    ViewPtr published;
    std::uint64_t version = 1;
    Moment used;
    Uid recent_from = 1;
    std::uint64_t recent = 0;  ///< messages from there on
  };
  class LoadGuard;

  // account.cpp
  Result<Mailbox*> find(MailboxId mailbox);
  Result<const Mailbox*> find(MailboxId mailbox) const;
  /// One that may be changed now.
  Result<Mailbox*> writable(MailboxId mailbox);
  ViewPtr publish(Mailbox& mailbox);
  void publish_listing();
  void wake(const CommitPart& part);
  void show(CommitPart& part);
  [[nodiscard]] Result<> usable() const;

  // account_metadata.cpp
  /// Annotations by mailbox, owner and name.
  using MetadataPlace = std::tuple<MailboxId, MetadataOwner, std::string>;
  using MetadataMap = std::map<MetadataPlace, std::shared_ptr<const std::string>>;
  void begin_metadata(MailboxId mailbox, std::vector<MetadataItem> items, std::uint64_t author, Done<> done);
  /// Whether an owner may have all that the map has for them now, there and in the whole account.
  static Result<> check_metadata(const MetadataMap& map, MailboxId mailbox, MetadataOwner owner);
  static void put_metadata(MetadataMap& map, MailboxId mailbox, const MetadataItem& item);
  static void forget_metadata(MetadataMap& map, MailboxId mailbox);
  void show_metadata(MailboxId mailbox, const std::vector<MetadataItem>& items, std::uint64_t author);
  struct Tree;
  void remove_metadata(MailboxId mailbox, Tree& tree);
  void copy_metadata(MailboxId from, MailboxId to, Tree& tree);

  // account_url_keys.cpp
  static MetadataPlace url_key_place(MailboxId mailbox) { return {mailbox, kUrlKeys, "key"}; }
  void begin_make_url_key(MailboxId mailbox, std::string fresh, Done<std::string> done);
  void begin_remove_url_keys(std::optional<MailboxId> mailbox, Done<> done);

  // account_access.cpp
  void begin_access(MailboxId mailbox, const AccessEntry& entry, AccessChange change, Done<> done);
  void put_access(const Mailbox& mailbox, store::Batch& batch) const;
  void tell_sharing();

  // account_copy.cpp
  /// The messages of a set as they are appended to another account, and what that batch expects.
  struct Outgoing {
    std::vector<AppendItem> items;
    UidSet source;
    store::Batch expected;
  };
  io::Task<Result<Outgoing>> outgoing(MailboxId from, const UidSet& uids, CopiedFlags flags);

  // account_load.cpp
  Result<> read_mailboxes();
  Result<> read_counters();
  Result<> read_others();
  static Result<Draft> read_blocks(store::Tablet& tablet, AccountId account, MailboxId mailbox,
                                   const store::Reading& reading);
  /// One reads, however many ask at once: after a restart all sessions of a large mailbox come together.
  io::Task<Result<>> loaded(MailboxId mailbox);
  /// `view`: of the moment at which the guard was made.
  io::Task<Result<Draft>> read_mailbox(MailboxId mailbox, Result<store::ReadView> view, bool small);

  // account_change.cpp: judges a change and enqueues it; the mutex is not held when a begin_… is called.
  /// What one batch did of a command, and whether more is to be done.
  template <class T>
  struct Partial {
    T result{};
    bool more = false;
  };
  enum class Unknown { add, skip };  ///< what to do with a keyword the mailbox does not have yet
  void begin_flags(MailboxId mailbox, const UidSet& uids, const FlagRequest& request, const FlagOptions& options,
                   Done<Partial<FlagResult>> done);
  void begin_expunge(MailboxId mailbox, const UidSet& uids, ExpungeOnly only, Done<Partial<ExpungeResult>> done);
  Draft head_of(Mailbox& mailbox);
  [[nodiscard]] bool has_pending(MailboxId mailbox) const;
  Modseq next_modseq(store::Batch& batch);
  MailboxCounters merge_counters(const Mailbox& mailbox, Modseq modseq, const Tally& tally, store::Batch& batch);
  void put_change(Modseq modseq, std::vector<Change> items, store::Batch& batch);
  /// By the keywords of `table`, which gets those that are new; the mailbox has them after keep_keywords().
  /// kBadKeyword, kTooMany.
  static Result<KeywordSet> resolve(std::shared_ptr<const KeywordTable>& table, const FlagNames& names,
                                    Unknown unknown);
  /// The batch uses these keywords of the table: new ones are the mailbox's from now on.
  void keep_keywords(Mailbox& mailbox, std::shared_ptr<const KeywordTable> table, const KeywordSet& used,
                     store::Batch& batch);
  /// Gives the places of keywords that no message has to others, once a mailbox has many.
  void free_keywords(Mailbox& mailbox);
  /// One mailbox less for each; those in none go to their grave.
  void forget_emails(const std::vector<EmailId>& emails, Modseq modseq, store::Batch& batch);
  void remove_messages(Mailbox& mailbox, const UidSet& removed, std::vector<EmailId> emails, const Tally& tally,
                       std::vector<Change>& changes, store::Batch& batch, CommitPart& part);
  /// Answers with `result` when a change has ended well.
  template <class T>
  static Done<> answer(Done<T> done, T result) {
    return [done = std::move(done), result = std::move(result)](const Result<>& end) mutable {
      if (end)
        done(std::move(result));
      else
        done(std::unexpected(end.error()));
    };
  }
  /// Sends a part with its batch; one without a MODSEQ (nothing to do) is answered after what is pending. The mutex is
  /// held.
  void send(std::shared_ptr<CommitPart> part, store::Batch batch, Done<> done);
  void dispatch(std::shared_ptr<CommitPart> part, store::Batch batch, Done<> done);

  // account_add.cpp, account_replace.cpp
  struct NewEmail;
  using Targets = std::vector<std::pair<Mailbox*, const DeliveryTarget*>>;
  /// Where a delivery goes, each mailbox once; or why it is not taken.
  Result<Targets> delivery_targets(const DeliveryRecipient& recipient, const Content& content);
  void begin_append(MailboxId mailbox, const std::vector<AppendItem>& items, const std::vector<ThreadHits>& hits,
                    store::Batch batch, Done<AppendResult> done);
  /// A message for append() as it is stored: its email put, its keywords resolved.
  Result<NewEntry> new_entry(const AppendItem& item, const ThreadHits& hits, std::shared_ptr<const KeywordTable>& table,
                             KeywordSet& used, store::Batch& batch, CommitPart& part);
  /// Bodies go to the store's body segments first: beyond what one batch takes, and where a batch must not fail alone.
  static io::Task<Result<std::vector<AppendItem>>> set_aside(const Surroundings& around, std::vector<AppendItem> items,
                                                             std::size_t from);
  void begin_replace(MailboxId from, Uid uid, MailboxId to, const AppendItem& item, const ThreadHits& hits,
                     Done<AppendResult> done);
  enum class Copying { copy, move };
  void begin_copy(MailboxId from, const UidSet& uids, MailboxId to, Copying copying, Done<Partial<CopyResult>> done);
  io::Task<Result<CopyResult>> copy_or_move(MailboxId from, UidSet uids, MailboxId to, Copying copying);
  /// The part takes a MODSEQ if it has none and there is something to do; the caller puts the changes.
  Result<> copy_messages(Mailbox& from, const UidSet& uids, Mailbox& to, Copying copying, Partial<CopyResult>& outcome,
                         std::vector<Change>& changes, store::Batch& batch, CommitPart& part);
  [[nodiscard]] Result<> check_room(std::uint64_t octets, std::uint64_t messages, OverQuota over) const;
  /// Whether UIDs and sequence numbers suffice for so many more.
  static Result<> check_space(const Mailbox& mailbox, std::size_t more);
  UidSet add_messages(Mailbox& mailbox, std::vector<NewEntry> entries, std::vector<Change>& changes,
                      store::Batch& batch, CommitPart& part);
  ThreadId resolve_thread(EmailId email, const ThreadHits& hits, std::string& put_keys, store::Batch& batch,
                          CommitPart& part);
  /// What a batch that will never be durable put is not to be found.
  void forget_threads(const CommitPart& part);
  Result<std::pair<NewEntry, ThreadId>> put_email(const NewEmail& email, std::optional<std::size_t>& body,
                                                  store::Batch& batch, CommitPart& part);
  [[nodiscard]] bool seals(const Content& content) const;

  // account_keys.cpp
  /// The account's newest key; a first one where it has none.
  /// A key and how often it was used.
  struct UsedKey {
    keyring::NamedKey key;
    keyring::KeyUses uses;
  };
  io::Task<Result<UsedKey>> newest_key();
  /// One that is newer than `before` (0: the first), durable.
  io::Task<Result<keyring::NamedKey>> make_key(keyring::KeyId before);
  /// Emails that are put from now on are sealed by it, unless there is a newer one.
  void use_key(const keyring::NamedKey& key, keyring::KeyUses uses = {});
  /// The batch has the record of what is sealed with it, where one is due. The mutex is held.
  void put_uses(store::Batch& batch, CommitPart& part);
  /// Commits what no view shows; not behind the batch that removes the account.
  io::Task<Result<>> commit_unseen(store::Batch batch);

  // account_rotation.cpp
  /// Seals by this key all that is sealed by older ones.
  io::Task<Result<KeyRotation>> rotate_to(keyring::NamedKey key, store::Progress progress);
  /// Commits so many emails that were sealed anew by that key, and counts them.
  io::Task<Result<>> commit_sealed(keyring::KeyId key, std::uint64_t sealed, store::Batch batch);
  [[nodiscard]] EmailId last_email() const;

  // account_tree.cpp
  /// A change of the tree while it is put together.
  struct Tree {
    store::Batch batch;
    std::shared_ptr<CommitPart> part = std::make_shared<CommitPart>();
    std::vector<Change> changes;
    std::vector<std::move_only_function<void()>> effects;
  };
  Result<Mailbox*> create_in(const std::string& name, SpecialUse use, Tree& tree);
  void begin_create(const std::string& name, SpecialUse use, Done<MailboxInfo> done);
  void begin_rename_inbox(const std::string& to, Done<Partial<MailboxId>> done);
  io::Task<Result<>> rename_inbox(std::string to);
  void begin_remove(const std::string& name, Done<> done);
  void begin_rename(const std::string& from, const std::string& to, Done<> done);
  void begin_subscribe(const std::string& name, Subscription subscription, Done<> done);
  void send_tree(Tree tree, Done<> done);
  Mailbox* by_head_name(std::string_view name);
  [[nodiscard]] bool has_inferiors(std::string_view name) const;
  Result<> make_superiors(std::string_view name, Tree& tree);
  Mailbox& make_mailbox(std::string name, SpecialUse use, Tree& tree);
  void drop_place(Mailbox& place, Tree& tree);
  void put_mailbox(const Mailbox& mailbox, store::Batch& batch) const;
  void put_subscription(const std::string& name, Tree& tree);
  std::uint32_t next_uid_validity();

  // account_read.cpp
  using RecordVisitor = std::function<Result<>(std::size_t index, EmailId id, std::string_view record, bool& stopped)>;
  static Result<EmailPtr> read_email(const Surroundings& around, AccountId account, EmailId email, store::Tier tier);
  /// Visits the emails from index `done` on, which then tells how far it came.
  static Result<> scan_emails(store::Tablet& tablet, AccountId account, std::span<const EmailId> emails,
                              store::Tier tier, const RecordVisitor& each, std::size_t& done);
  static Result<std::string> read_octets(store::Tablet& tablet, const Email& email, std::uint64_t offset,
                                         std::size_t length, store::Tier tier);

  const AccountId id_;
  Surroundings around_;

  mutable std::mutex mutex_;  // guards all below but the watches
  std::unordered_map<MailboxId, std::unique_ptr<Mailbox>> mailboxes_;
  std::map<std::string, Mailbox*, std::less<>> head_names_;  // without those whose deletion is pending
  std::set<std::string, std::less<>> subscriptions_;         // shown
  std::set<std::string, std::less<>> head_subscriptions_;
  MetadataMap metadata_;  // shown
  MetadataMap head_metadata_;
  std::deque<MetadataChange> metadata_news_;
  std::uint64_t metadata_told_ = 0;  // changes ever told, of which the last are in metadata_news_
  std::unordered_map<MailboxId, std::uint64_t> url_keys_removed_;
  ListingPtr listing_;
  AccountCounters head_;
  Modseq shown_modseq_ = 1;
  QuotaLimits limits_;
  Tally used_;                                         // shown, of all mailboxes
  Tally pending_use_;                                  // of what is on its way and adds
  std::unordered_map<EmailId, std::uint32_t> shares_;  // emails in more than one mailbox: how many more; of the head
  std::deque<std::shared_ptr<CommitPart>> pending_;
  std::unordered_map<std::uint64_t, ThreadId> recent_threads_;  // keys put lately: the state may not have them yet
  std::deque<std::uint64_t> recent_thread_order_;
  std::optional<keyring::NamedKey> key_;  // by which emails are sealed that are put; once it is needed
  keyring::KeyUses key_uses_;
  bool rotating_ = false;
  bool stale_ = false;
  bool removed_ = false;

  mutable std::mutex watch_mutex_;  // taken alone or after mutex_
  std::unordered_set<class WatchBody*> watches_;
};

}  // namespace angarium::mailbox
